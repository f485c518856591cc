//! `lockstep run`: runs a pipeline and shows what happens, its failures and its ledger.
//! It does not know the rules of the language, nor how commands are started.

mod ask;
mod host;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::arguments::{Run, RunFormat};
use super::exit::Exit;
use super::files::Variables;
use super::output::Output;
use super::prepare;
use crate::diagnostic::render::render;
use crate::diagnostic::{Diagnostic, codes};
use crate::engine::notice::Status;
use crate::eval::Halt;
use crate::plan::{Locals, Plan, RunFacts, Sight};
use crate::report::{Json, Ledger, Live, Plain, Report, Style};
use crate::runtime::driver::{self, Control, Settings};
use crate::runtime::guardian::Guardian;
use crate::runtime::process::Spawner;
use crate::runtime::secrets::Vault;
use crate::source::Name;
use host::Terminal;

pub(super) fn run(arguments: &Run, output: &mut Output) -> Exit {
    let plan = match prepare::prepare(&arguments.target, output) {
        Ok(plan) => plan,
        Err(exit) => return exit,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // A turn may tell thousands of lines; signals must not wait for the usual sixty.
        .event_interval(8)
        .build();
    match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(run_plan(arguments, plan, output));
            // A request that was stopped may still wait for its answer.
            runtime.shutdown_background();
            exit
        }
        Err(error) => {
            output.complain(&format!("error: the run could not be started: {error}\n"));
            Exit::Refused
        }
    }
}

async fn run_plan(arguments: &Run, plan: Plan, output: &mut Output) -> Exit {
    let plan = Arc::new(plan);
    let run = facts();
    let (control, mut controls) = tokio::sync::mpsc::unbounded_channel();
    let signals = listen(control);
    let read = tokio::select! {
        read = read_secrets(&plan, &run) => read,
        // The command of a secret may ask somebody, or hang. Nothing has run that would have to
        // be taken back.
        Some(_) = controls.recv() => {
            output.complain("cancelled while the secrets were read: nothing ran\n");
            return Exit::Cancelled;
        }
    };
    let vault = match read {
        Ok(vault) => Arc::new(vault),
        Err(diagnostics) => {
            let style = output.stderr_style();
            output.complain(&render(&diagnostics, &plan.bound.program.sources, style));
            return Exit::Refused;
        }
    };
    let spawner = match Spawner::new(&std::env::temp_dir()) {
        Ok(spawner) => {
            let guardian = Guardian::of_this_program().removing(spawner.scratch());
            Arc::new(spawner.watched_by(Box::new(guardian)))
        }
        Err(error) => {
            let folder = std::env::temp_dir();
            let folder = folder.display();
            output.complain(&format!(
                "error: no folder can be made in {folder}: {error}\n"
            ));
            return Exit::Refused;
        }
    };
    let settings = Settings {
        run,
        seed: seed(),
        max: arguments.max.map_or_else(most_commands, |max| max as usize),
        folder: folders(&plan),
    };
    let style = output.stdout_style();
    let style = Style {
        color: style.color,
        unicode: style.unicode,
    };
    let format = arguments.format;
    let shown: Box<dyn Report> = match format {
        RunFormat::Json => Box::new(Json::new(std::io::stdout())),
        RunFormat::Plain => Box::new(Plain::new(std::io::stdout(), style)),
        RunFormat::Live => Box::new(live(&plan, style)),
        RunFormat::Auto if std::io::stdout().is_terminal() => Box::new(live(&plan, style)),
        RunFormat::Auto => Box::new(Plain::new(std::io::stdout(), style)),
    };
    let mut host = Terminal::new(shown, arguments.yes, format == RunFormat::Json);
    let ended = driver::drive(plan.clone(), vault, spawner, settings, &mut host, controls).await;
    signals.abort();
    let (summary, broken) = host.finish();
    if format != RunFormat::Json {
        let ledger = Ledger {
            style,
            width: std::io::stdout()
                .is_terminal()
                .then(|| output.stdout_style().width),
            sources: Some(&plan.bound.program.sources),
            next: Vec::new(),
        };
        let mut text = Vec::new();
        // Writing into memory does not fail.
        let _ = ledger.print(&mut text, &summary);
        output.print(&format!("\n{}", String::from_utf8_lossy(&text)));
    }
    if let Some(error) = broken {
        output.lost(error);
    }
    match ended {
        Some(Status::Succeeded) => Exit::Succeeded,
        Some(Status::RollbackFailed) => Exit::RollbackFailed,
        Some(Status::Cancelled) | None => Exit::Cancelled,
        Some(_) => Exit::Failed,
    }
}

fn live(plan: &Plan, style: Style) -> Live<std::io::Stdout> {
    let size = || {
        let size = rustix::termios::tcgetwinsize(std::io::stdout());
        size.map_or((100, 30), |size| (size.ws_col.max(20), size.ws_row.max(5)))
    };
    let mut live = Live::new(std::io::stdout(), style, size);
    let outline = crate::plan::Outline::of(plan);
    for (stage, deployments) in outline.stages() {
        let path = Name::from(format!("{}/{stage}", outline.pipeline));
        live.expect(&path, usize::try_from(deployments).unwrap_or(usize::MAX));
    }
    live
}

/// The facts of a run that begins now.
fn facts() -> RunFacts {
    let user = ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    RunFacts {
        id: Name::from(format!("r-{:06x}", seed() & 0xff_ffff)),
        user: Name::from(user.unwrap_or_else(|| String::from("unknown"))),
        started_at: Name::from(format!("{:.3}", jiff::Timestamp::now())),
    }
}

/// A number that no other run has; the standard library seeds its hashers from the system.
fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish()
}

/// As many commands as this process may have open files for; each needs about six.
fn most_commands() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where it may not be raised, there are just fewer places.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
    let files = getrlimit(Resource::Nofile).current.unwrap_or(1 << 20);
    usize::try_from(files.saturating_sub(64) / 6)
        .unwrap_or(usize::MAX)
        .clamp(16, 4096)
}

/// The folder of each source file, made absolute once.
fn folders(plan: &Plan) -> Box<dyn Fn(crate::source::FileId) -> PathBuf> {
    let here = std::env::current_dir().unwrap_or_default();
    let folder = |name: &str| {
        let folder = Path::new(name)
            .parent()
            .map(Path::to_path_buf)
            .unwrap_or_default();
        here.join(folder)
    };
    let first = plan.bound.program.sources.iter().next();
    let root = folder(first.map_or("", |(_, source)| &source.name));
    let folders: Vec<PathBuf> = plan
        .bound
        .program
        .sources
        .iter()
        .map(|(_, source)| {
            // The library has no folder of its own: its commands start where the file is.
            if source.name.starts_with("std/") {
                root.clone()
            } else {
                folder(&source.name)
            }
        })
        .collect();
    Box::new(move |file| {
        folders
            .get(file.0 as usize)
            .cloned()
            .unwrap_or_else(|| root.clone())
    })
}

async fn read_secrets(plan: &Plan, run: &RunFacts) -> Result<Vault, Vec<Diagnostic>> {
    let locals = Locals::default();
    let bound = &plan.bound;
    let sight = Sight {
        program: &bound.program,
        facts: &bound.facts,
        locals: &locals,
        run: Some(run),
    };
    let mut value = |expr: &crate::eval::Expr| -> Result<_, Halt> { sight.eval(expr) };
    let folder = folders(plan);
    let read = Vault::read(&bound.program.secrets, &mut value, &*folder, &Variables).await;
    read.map_err(|unreadable| {
        let diagnostic = |secret: crate::runtime::secrets::Unreadable| {
            let message = format!(
                "secret `{}` could not be read: {}",
                secret.secret, secret.message
            );
            Diagnostic::error(codes::SECRET_UNREADABLE, secret.span, message)
        };
        unreadable.into_iter().map(diagnostic).collect()
    })
}

/// The first signal cancels the run, the second stops it at once. From here on none of them ends
/// this program by itself.
fn listen(control: tokio::sync::mpsc::UnboundedSender<Control>) -> tokio::task::JoinHandle<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
    if !ignores_hangups() {
        kinds.push(SignalKind::hangup());
    }
    let mut streams: Vec<_> = kinds
        .into_iter()
        .filter_map(|kind| signal(kind).ok())
        .collect();
    tokio::spawn(async move {
        for asked in [Control::Cancel, Control::Kill] {
            let next = std::future::poll_fn(|context| {
                let came = |stream: &mut tokio::signal::unix::Signal| stream.poll_recv(context);
                match streams.iter_mut().map(came).any(|came| came.is_ready()) {
                    true => std::task::Poll::Ready(()),
                    false => std::task::Poll::Pending,
                }
            });
            next.await;
            // The run may just have ended.
            let _ = control.send(asked);
        }
    })
}

/// Whether whoever started this program wants it to outlive its terminal, as `nohup` does. Only
/// Linux tells.
fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = (status.lines())
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 != 0)
}
