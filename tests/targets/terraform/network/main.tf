# A configuration that needs no provider but the one that is built in.

variable "size" {
  type    = string
  default = "small"
}

variable "password" {
  type      = string
  default   = "unset-password"
  sensitive = true
}

resource "terraform_data" "subnet" {
  input = var.size
}

resource "terraform_data" "gateway" {
  input = "fixed"
}

output "subnet" {
  value = terraform_data.subnet.output
}

output "password" {
  value     = var.password
  sensitive = true
}
