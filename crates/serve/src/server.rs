//! A server from its start to its end.

use jiff::Timestamp;
use lockstep_access::UserName;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::app::App;
use crate::error::ServeError;
use crate::http::caller::AuditDraft;
use crate::http::router::router;
use crate::listen;
use crate::notify;
use crate::options::ServeOptions;
use crate::starts;
use crate::stores::StorePool;
use crate::triggers::poll;

/// A server that is ready.
pub struct Server {
    app: App,
    listener: std::net::TcpListener,
    link: Option<String>,
    stop: watch::Sender<bool>,
}

/// Stops a server.
#[derive(Debug, Clone)]
pub struct ServerStop(watch::Sender<bool>);

impl ServerStop {
    /// Lets the server end: what is being answered may end within two seconds.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Server {
    /// Opens the state directory and begins to listen; nothing is answered before
    /// [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// If the folder, the state directory, the certificate or the address cannot be used, or if
    /// others could reach it without encryption.
    pub fn open(options: ServeOptions) -> Result<Self, ServeError> {
        let is_local = options.listen.ip().is_loopback();
        if !is_local && options.tls.is_none() && !options.behind_proxy {
            return Err(ServeError::Unprotected(options.listen));
        }
        let at = options.listen;
        let bind = |error| ServeError::Listen(at, error);
        let listener = std::net::TcpListener::bind(at).map_err(bind)?;
        listener.set_nonblocking(true).map_err(bind)?;
        let listens = listener.local_addr().map_err(bind)?;
        let options = ServeOptions {
            listen: listens,
            ..options
        };
        let app = App::new(options)?;
        notify::prepare(&app)?;
        let link = app.stores.with(|stores| {
            let is_new = stores.access.has_no_users();
            let is_new = is_new.map_err(ServeError::database)?;
            if !is_new {
                return Ok(None);
            }
            let link = stores.access.first_admin_link(Timestamp::now());
            let link = link.map_err(ServeError::database)?;
            Ok::<_, ServeError>(Some(link.token.reveal().to_owned()))
        })??;
        let origin = app.options.origin();
        Ok(Self {
            app,
            listener,
            link: link.map(|token| format!("{origin}/invitation#{token}")),
            stop: watch::Sender::new(false),
        })
    }

    /// A link with which a user chooses a new password, for whoever can start the server: the last
    /// administrator may have forgotten theirs.
    ///
    /// # Errors
    ///
    /// If there is no such user, or it cannot be written.
    pub fn password_link(options: &ServeOptions, name: &str) -> Result<String, ServeError> {
        let stores = StorePool::open(options.state.clone())?;
        let token = stores.with(|stores| {
            let user = UserName::new(name)?;
            let made = stores
                .access
                .password_reset_link(&user, &user, Timestamp::now())?;
            let audit = AuditDraft::new("system", "command line", "", "user.password-link");
            audit.object(&format!("user {user}")).write(stores)?;
            Ok::<_, ServeError>(made.token.reveal().to_owned())
        })??;
        Ok(format!("{}/invitation#{token}", options.origin()))
    }

    /// The address by which people reach it.
    pub fn url(&self) -> String {
        self.app.options.origin()
    }

    /// Where the first administrator makes an account, while there are no users. It can be used
    /// once.
    pub fn first_link(&self) -> Option<&str> {
        self.link.as_deref()
    }

    /// What ends it.
    pub fn stopper(&self) -> ServerStop {
        ServerStop(self.stop.clone())
    }

    /// Answers until it is stopped, in a tokio runtime with timers and I/O. `log` hears what it
    /// does by itself.
    ///
    /// # Errors
    ///
    /// If the state directory cannot be read.
    pub async fn run(self, mut log: impl FnMut(&str)) -> Result<(), ServeError> {
        let at = self.app.options.listen;
        let listener = TcpListener::from_std(self.listener);
        let listener = listener.map_err(|error| ServeError::Listen(at, error))?;
        let tls = self
            .app
            .options
            .tls
            .as_ref()
            .map(listen::acceptor)
            .transpose()?;
        for line in starts::recover(&self.app).await? {
            log(&line);
        }
        let polls = tokio::spawn(poll::run(self.app.clone()));
        notify::start(&self.app);
        let router = router(self.app.clone());
        listen::serve(listener, tls, router, self.stop.subscribe()).await;
        polls.abort();
        Ok(())
    }
}
