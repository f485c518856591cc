//! Compiles the generated parser and its scanner.
//! It does not generate them: that needs the tree-sitter program.

fn main() {
    cc::Build::new()
        .std("c11")
        .include("src")
        .file("src/parser.c")
        .file("src/scanner.c")
        .warnings(false)
        .compile("tree-sitter-deploy");
    for file in ["src/parser.c", "src/scanner.c"] {
        println!("cargo:rerun-if-changed={file}");
    }
}
