size = "from-file"
