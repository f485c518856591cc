//! `lockstep serve`: a server for a team: pages, an API, triggers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::engine;
use super::exit::Exit;
use super::output::Output;
use super::prepare;
use super::settings::{self, ProjectSettings};
use super::state::{self, StateArgument};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_serve::{ServeError, ServeOptions, ServeUrl, Server, ServerStop, TlsFiles};
use tokio::signal::unix::{SignalKind, signal};

/// What is done between two waits is short.
const WORKER_THREADS: usize = 2;
/// Each reads the state directory with a connection of its own.
const MAX_BLOCKING_THREADS: usize = 32;

#[derive(Debug, Args)]
#[command(mut_arg("server", |it| it.hide(true)))]
#[command(mut_arg("token_file", |it| it.hide(true)))]
pub(super) struct Serve {
    /// The folder whose `.deploy` files are served; this one by default.
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,

    /// Where to listen. Beyond this machine it needs TLS, or a proxy in front of it.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7420")]
    listen: SocketAddr,

    /// The certificate chain, as a PEM file.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The private key of the certificate, as a PEM file.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// A proxy in front of it ends TLS, and sets X-Forwarded-For.
    #[arg(long)]
    behind_proxy: bool,

    /// The address by which people reach it, such as https://deploy.example.com.
    #[arg(long, value_name = "URL", value_parser = url)]
    url: Option<ServeUrl>,

    /// Print a link with which this user chooses a new password, and end.
    #[arg(long, value_name = "NAME")]
    password_link: Option<String>,

    #[command(flatten)]
    state: StateArgument,
}

/// The origin of an address: scheme, host and port.
fn url(text: &str) -> Result<ServeUrl, String> {
    ServeUrl::new(text)
}

/// The settings of the served folder, and the folder that their paths begin in. Unlike elsewhere,
/// settings with errors are refused: a server without its logins is another one.
fn settings_of(folder: &Path, output: &mut Output) -> Result<(PathBuf, ProjectSettings), Exit> {
    let Some(path) = settings::find(&folder.join("x.deploy").to_string_lossy()) else {
        return Ok((folder.to_path_buf(), ProjectSettings::default()));
    };
    match settings::read(&path) {
        Ok(settings) => {
            let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
            Ok((folder, settings))
        }
        Err(errors) => Err(prepare::show(&errors.diagnostics, &errors.sources, output)),
    }
}

pub(super) fn run(arguments: &Serve, output: &mut Output) -> Exit {
    let instead = "it is a server itself";
    if let Err(exit) = arguments
        .state
        .refuse_server("serve", instead, false, output)
        .and_then(|()| arguments.state.connect(output).map(|_| ()))
    {
        return exit;
    }
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return refuse(&ServeError::System(error), output),
    };
    let (settings_folder, settings) = match settings_of(&arguments.folder, output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let named = arguments.folder.join("x.deploy");
    let options = ServeOptions {
        folder: arguments.folder.clone(),
        state: arguments.state.default_for(&named.to_string_lossy()),
        listen: arguments.listen,
        tls: arguments
            .tls_cert
            .clone()
            .zip(arguments.tls_key.clone())
            .map(|(certificate, key)| TlsFiles { certificate, key }),
        behind_proxy: arguments.behind_proxy,
        public_url: arguments.url.as_ref().map(|it| it.as_str().to_owned()),
        settings: settings.serve,
        settings_folder,
        program,
        engine: engine::url(),
    };
    if let Some(name) = &arguments.password_link {
        return match Server::password_link(&options, name) {
            Ok(link) => {
                output.print(&format!("{link}\n"));
                Exit::Succeeded
            }
            Err(error) => refuse(&error, output),
        };
    }
    let state = options.state.clone();
    let server = match Server::open(options) {
        Ok(server) => server,
        Err(error) => return refuse(&error, output),
    };
    if let Err(exit) = engine::keep_copied(&state, output) {
        return exit;
    }
    let mut said = format!(
        "Lockstep serves {} at {}\n",
        arguments.folder.display(),
        server.url()
    );
    if let Some(link) = server.first_link() {
        said.push_str(&format!(
            "  There are no users yet. Open this link, which works once, within a day:\n  {link}\n"
        ));
    }
    output.print(&said);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&ServeError::System(error), output),
    };
    let done = runtime.block_on(async {
        tokio::spawn(stop_by_signal(server.stopper()));
        server.run(|line| output.print(&format!("{line}\n"))).await
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    match done {
        Ok(()) => Exit::Succeeded,
        Err(error) => refuse(&error, output),
    }
}

/// The first signal ends the server; runs go on without it.
async fn stop_by_signal(stop: ServerStop) {
    let stream = |kind| signal(kind).ok();
    let (Some(mut interrupt), Some(mut terminate)) = (
        stream(SignalKind::interrupt()),
        stream(SignalKind::terminate()),
    ) else {
        // Without them it ends as any program does, which does no harm.
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    stop.stop();
}

fn refuse(error: &ServeError, output: &mut Output) -> Exit {
    let help = match error {
        ServeError::Unprotected(_) => Some(
            "give it a certificate with `--tls-cert` and `--tls-key`, or put a proxy with TLS in \
             front of it and say so with `--behind-proxy`",
        ),
        ServeError::Listen(_, error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Some("another program listens there: choose another one with `--listen`")
        }
        _ => None,
    };
    if let ServeError::Store(error) = error {
        return state::refuse(error, output);
    }
    let mistake = Diagnostic::without_place(codes::SERVER, error.to_string());
    output.refuse(&mistake.help_opt(help.map(String::from)))
}
