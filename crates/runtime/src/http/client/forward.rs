//! Requests with `http://` through a proxy, which reads them and passes them on: their first line
//! has the whole address, and they hold the credentials for the proxy. The library only knows
//! tunnels, which most proxies refuse for anything but `https://`.

use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use super::super::address::Address;
use super::proxy::Proxy;

/// Finds the proxy, whatever is asked for.
#[derive(Debug)]
pub(super) struct ForwardResolver {
    proxy: Uri,
    inner: DefaultResolver,
}

impl ForwardResolver {
    pub fn new(proxy: Uri, inner: DefaultResolver) -> Self {
        Self { proxy, inner }
    }
}

impl Resolver for ForwardResolver {
    fn resolve(
        &self,
        _: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        self.inner.resolve(&self.proxy, config, timeout)
    }
}

/// Makes requests on a connection those for a proxy.
pub(super) struct ForwardConnector {
    origin: String,
    credentials: Option<String>,
}

impl ForwardConnector {
    pub fn new(proxy: &Proxy, to: &Address) -> Self {
        Self {
            origin: to.origin(),
            credentials: proxy.credentials(),
        }
    }
}

impl std::fmt::Debug for ForwardConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ForwardConnector({})", self.origin)
    }
}

impl<In: Transport> Connector<In> for ForwardConnector {
    type Out = ForwardTransport<In>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let credentials = self.credentials.as_deref();
        let header = credentials.map(|it| format!("Proxy-Authorization: {it}\r\n"));
        Ok(chained.map(|inner| ForwardTransport {
            inner,
            origin: self.origin.clone(),
            header: header.unwrap_or_default(),
            has_started: false,
        }))
    }
}

/// A connection to a proxy, for one request.
pub(super) struct ForwardTransport<In> {
    inner: In,
    origin: String,
    header: String,
    has_started: bool,
}

impl<In: Transport> std::fmt::Debug for ForwardTransport<In> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ForwardTransport({:?})", self.inner)
    }
}

impl<In: Transport> Transport for ForwardTransport<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        if self.has_started {
            return self.inner.transmit_output(amount, timeout);
        }
        self.has_started = true;
        let started = self.inner.buffers().output()[..amount].to_vec();
        let changed = for_proxy(&started, &self.origin, &self.header);
        let mut rest = changed.as_slice();
        while !rest.is_empty() {
            let output = self.inner.buffers().output();
            let (now, later) = rest.split_at(rest.len().min(output.len()));
            output[..now.len()].copy_from_slice(now);
            self.inner.transmit_output(now.len(), timeout)?;
            rest = later;
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        // The next request on it would not be changed.
        false
    }
}

/// The beginning of a request, `GET /path HTTP/1.1` and headers, as a proxy wants it.
fn for_proxy(started: &[u8], origin: &str, header: &str) -> Vec<u8> {
    let Some(target) = started.iter().position(|byte| *byte == b' ') else {
        return started.to_vec();
    };
    let (method, target) = started.split_at(target + 1);
    let line = target.iter().position(|byte| *byte == b'\n');
    let (line, headers) = target.split_at(line.map_or(target.len(), |end| end + 1));
    [method, origin.as_bytes(), line, header.as_bytes(), headers].concat()
}

#[cfg(test)]
mod tests {
    use super::for_proxy;

    #[test]
    fn the_first_line_has_the_whole_address() {
        let asked = for_proxy(
            b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n",
            "http://a",
            "P: q\r\n",
        );
        let asked = String::from_utf8_lossy(&asked);
        assert_eq!(asked, "GET http://a/x HTTP/1.1\r\nP: q\r\nhost: a\r\n\r\n");
    }
}
