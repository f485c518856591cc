//! `lockstep new`: creates a folder with a starting point that can be planned, tested and run at
//! once.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::arguments::New;
use super::exit::Exit;
use super::files::deploy_files;
use super::output::Output;
use super::shell_word::shell_word;
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::diagnostic::codes::{ALREADY_THERE, CANNOT_WRITE};
use lockstep_base::diagnostic::render::{Ink, clean};
use lockstep_base::world::FileError;

const STARTER_PIPELINE: &str = include_str!("new/start.deploy");
const STARTER_PAGE: &str = "Hello from Lockstep.\n";
/// What runs write.
const GITIGNORE: &str = "site/\n.lockstep/\n";

pub(super) fn run(arguments: &New, output: &mut Output) -> Exit {
    let folder = Path::new(&arguments.folder);
    match make(folder) {
        Ok(made) => {
            print_created(folder, &made, output);
            Exit::Succeeded
        }
        Err(mistake) => output.refuse(&mistake),
    }
}

/// Creates the folder and its files, and returns the files. Nothing is ever overwritten.
fn make(folder: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    let name = name(folder)?;
    let main = folder.join(format!("{name}.deploy"));
    let there = deploy_files(folder).into_iter().next();
    let there = there.map(|name| folder.join(name));
    let page = folder.join("web").join("index.txt");
    if let Some(path) = there.or_else(|| page.exists().then(|| page.clone())) {
        let shown = path.strip_prefix(".").unwrap_or(&path).display();
        return Err(Diagnostic::without_place(
            ALREADY_THERE,
            format!("`{shown}` is there already"),
        )
        .help("name a folder that is not there yet, or an empty one"));
    }
    let mut made = Vec::new();
    for (path, text) in [(main, STARTER_PIPELINE), (page, STARTER_PAGE)] {
        write(&path, text)?;
        made.push(path);
    }
    // An existing `.gitignore` is not changed.
    let ignored = folder.join(".gitignore");
    if !ignored.exists() {
        write(&ignored, GITIGNORE)?;
        made.push(ignored);
    }
    Ok(made)
}

/// The name of a folder, which its file gets, too.
fn name(folder: &Path) -> Result<String, Diagnostic> {
    let named = |path: &Path| Some(path.file_name()?.to_str()?.to_string());
    let whole = || named(&fs::canonicalize(folder).ok()?);
    let name = named(folder).or_else(whole);
    // A file whose name begins with a dot would not be found.
    let name = name.map(|name| name.trim_start_matches('.').to_string());
    name.filter(|name| !name.is_empty()).ok_or_else(|| {
        let message = format!("`{}` has no name to call a file by", folder.display());
        Diagnostic::without_place(CANNOT_WRITE, message).help("name a folder")
    })
}

fn write(path: &Path, text: &str) -> Result<(), Diagnostic> {
    let written = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written = written.and_then(|()| {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(text.as_bytes())
    });
    written.map_err(|why| {
        let message = format!(
            "cannot write `{}`: {}",
            path.display(),
            FileError::from(&why)
        );
        Diagnostic::without_place(CANNOT_WRITE, message)
    })
}

/// Reports what was created and what to do with it.
fn print_created(folder: &Path, made: &[PathBuf], output: &mut Output) {
    let style = output.stdout_style();
    let mut text = String::new();
    for path in made {
        let path = path.strip_prefix(".").unwrap_or(path);
        text.push_str(&format!("made {}\n", clean(&path.display().to_string())));
    }
    text.push('\n');
    if folder != Path::new(".") {
        let folder = folder.display().to_string();
        let end = if folder.starts_with('-') { "-- " } else { "" };
        let call = format!("cd {end}{}", shell_word(&folder));
        let call = style.paint(Ink::Name, &clean(&call));
        text.push_str(&format!("  {call}\n"));
    }
    for (call, what) in [
        ("lockstep plan", "a dry run: shows what would happen"),
        (
            "lockstep test",
            "runs its tests in virtual time, executing nothing",
        ),
        ("lockstep run ", "runs it"),
    ] {
        text.push_str(&format!("  {}   {what}\n", style.paint(Ink::Name, call)));
    }
    output.print(&text);
}
