//! The drawing of a plan or a run for browsers: plain modules of JavaScript without a build step,
//! and style sheets. The server hands them out file by file, the page of a plan has them in it.

/// A file of the drawing.
#[derive(Debug, Clone, Copy)]
pub struct DrawingFile {
    /// Its name, by which modules import each other: `drawing.js`.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! files {
    ($($name:literal,)*) => {
        &[$(DrawingFile {
            name: $name,
            text: include_str!(concat!("drawing/", $name)),
        },)*]
    };
}

/// The modules; each stands behind those that it imports.
pub const MODULES: &[DrawingFile] = files! {
    "dom.js",
    "node-path.js",
    "words.js",
    "outline.js",
    "virtual-list.js",
    "cells.js",
    "drawing.js",
    "plan-part.js",
};

/// The style sheets, in the order in which they apply.
pub const STYLES: &[DrawingFile] = files! {
    "base.css",
    "drawing.css",
};

/// The mark of Lockstep, for the tab of a browser.
pub const ICON: &str = include_str!("drawing/icon.svg");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_of_the_drawing_is_listed() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/drawing");
        let files = std::fs::read_dir(folder).unwrap();
        let mut files: Vec<String> = files
            .map(|it| it.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        files.sort();
        let all = MODULES.iter().chain(STYLES);
        let mut listed: Vec<&str> = all.map(|it| it.name).collect();
        listed.push("icon.svg");
        listed.sort_unstable();
        assert_eq!(listed, files);
    }
}
