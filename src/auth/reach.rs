//! How the server is reached: under which names, through which proxies, and from which site's pages.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::header::{FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use http::uri::{Authority, Uri};
use ipnet::IpNet;

use super::Denied;
use crate::domain::excerpt::Excerpt;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What a proxy adds to a request on its way.
const BY_PROXIES: [HeaderName; 5] = [
    FORWARDED,
    FORWARDED_FOR,
    HeaderName::from_static("x-forwarded-host"),
    FORWARDED_PROTO,
    HeaderName::from_static("x-real-ip"),
];

/// The name under which the server is known to the world, without scheme and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicHost(String);

/// Why a text is no [`PublicHost`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is the name in the address bar alone, such as qmt.example.com: no scheme, port or path")]
pub struct NoHost;

impl FromStr for PublicHost {
    type Err = NoHost;

    fn from_str(text: &str) -> Result<Self, NoHost> {
        let name = text.trim_end_matches('.').to_ascii_lowercase();
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        if is_name && !name.is_empty() && name.len() <= 253 { Ok(Self(name)) } else { Err(NoHost) }
    }
}

impl fmt::Display for PublicHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PublicHost {
    fn is(&self, host: &str) -> bool {
        host.trim_end_matches('.').eq_ignore_ascii_case(&self.0)
    }
}

/// The addresses of proxies that are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl FromStr for Network {
    type Err = String;

    /// Reads `192.0.2.1`, `10.0.0.0/8` or `fd00::/8`.
    fn from_str(text: &str) -> Result<Self, String> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(Self).map_err(|_| format!("{text:?} is no network; it is an address or a CIDR, such as 10.0.0.0/8"))
    }
}

/// From where a request was sent, as far as its browser says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A page of this server, or the address bar.
    Own,
    /// Another site's page.
    Foreign,
    /// Nothing is said: a program, or an old browser.
    Unsaid,
}

/// How the server is reached.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// Its name.
    pub public_host: Option<PublicHost>,
    /// The proxies before it.
    pub proxies: Vec<Network>,
    /// Whether it answers under known names alone. Where this machine may read without a credential, a foreign page whose
    /// name was made to lead here (DNS rebinding) could read too.
    pub by_known_names: bool,
    /// Whether others may read was never said, because only this machine could reach the server.
    pub for_this_machine: bool,
}

impl Reach {
    /// Whether a request is to be answered at all.
    ///
    /// # Errors
    /// When it asks for a name that is not ours, or comes through a proxy though nobody said who may read.
    pub fn admit(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Denied> {
        if self.for_this_machine && BY_PROXIES.iter().any(|name| headers.contains_key(name)) {
            return Err(Denied::ThroughProxy);
        }
        if !self.by_known_names {
            return Ok(());
        }
        let named = uri.host().filter(|host| !self.knows(host)).map(ToOwned::to_owned);
        let asked = headers.get_all(HOST).into_iter().find(|value| !host(value).is_some_and(|host| self.knows(&host)));
        let unknown = named.or_else(|| asked.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()));
        unknown.map_or(Ok(()), |name| Err(Denied::UnknownHost(Excerpt(&name).to_string())))
    }

    /// Whether a name leads here whatever a name server says, or is the one that was given.
    fn knows(&self, host: &str) -> bool {
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        literal.parse::<IpAddr>().is_ok()
            || host.trim_end_matches('.').eq_ignore_ascii_case("localhost")
            || self.public_host.as_ref().is_some_and(|public| public.is(host))
    }

    /// The address of whoever sent a request that a peer handed over: the last one on its way that is no proxy of ours.
    /// What was there before it is hearsay.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lines = headers.get_all(FORWARDED_FOR).into_iter().rev();
        for hop in lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(',')) {
            if !self.is_proxy(client) {
                break;
            }
            let Some(address) = address(hop.trim()) else { break };
            client = address;
        }
        client
    }

    /// Whether a peer is a proxy of ours and says that it was reached by HTTPS. What others said before it is hearsay.
    pub fn is_https_at_proxy(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let said = headers.get_all(FORWARDED_PROTO).into_iter().next_back();
        let said = said.and_then(|line| line.to_str().ok()?.rsplit(',').next());
        said.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https")) && self.is_proxy(peer.to_canonical())
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|proxy| proxy.0.contains(&address))
    }

    /// From which site's page a request was sent.
    pub fn source(&self, headers: &HeaderMap) -> Source {
        // Unlike `Origin`, this holds behind a proxy that does not hand on the name under which it is reached; browsers
        // say it under HTTPS and to this machine alone.
        if let Some(site) = headers.get("sec-fetch-site") {
            return if matches!(site.as_bytes(), b"same-origin" | b"none") { Source::Own } else { Source::Foreign };
        }
        match headers.get(ORIGIN) {
            None => Source::Unsaid,
            Some(origin) if self.is_own(origin, headers) => Source::Own,
            Some(_) => Source::Foreign,
        }
    }

    /// Whether an origin is the host that the address bar shows.
    fn is_own(&self, origin: &HeaderValue, headers: &HeaderMap) -> bool {
        let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
        // What has no scheme is "null": a page that hides where it is from.
        let origin = origin.as_ref().filter(|origin| origin.scheme().is_some()).and_then(Uri::authority);
        let Some(origin) = origin else { return false };
        if self.public_host.as_ref().is_some_and(|public| public.is(origin.host())) {
            return true;
        }
        let Some(here) = headers.get(HOST).and_then(authority) else { return false };
        // A proxy may hand on the name without the port.
        let is_port = here.port().is_none() || here.port_u16() == origin.port_u16();
        here.host().eq_ignore_ascii_case(origin.host()) && is_port
    }

    /// Whether a token that names its audience is meant for this server. Without a name of its own it cannot tell.
    pub fn is_meant(&self, audience: &str) -> bool {
        self.public_host.as_ref().is_none_or(|public| public.is(audience))
    }
}

fn authority(value: &HeaderValue) -> Option<Authority> {
    Authority::try_from(value.as_bytes()).ok()
}

fn host(value: &HeaderValue) -> Option<String> {
    authority(value).map(|authority| authority.host().to_owned())
}

/// An address as proxies write it, some with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn named(name: &str) -> Reach {
        Reach { public_host: Some(name.parse().unwrap()), by_known_names: true, ..Reach::default() }
    }

    #[test]
    fn a_public_host_is_a_name_alone() {
        for name in ["qmt.example.com", "QMT.example.com.", "trader", "my_box"] {
            assert!(name.parse::<PublicHost>().is_ok(), "{name}");
        }
        for text in
            ["", ".", "https://qmt.example.com", "qmt.example.com:5366", "a/b", "a b", "交易.中国", &"a".repeat(254)]
        {
            assert_eq!(text.parse::<PublicHost>(), Err(NoHost), "{text}");
        }
    }

    #[test]
    fn names_that_a_foreign_name_server_could_lead_here_are_not_answered() {
        let answers =
            |reach: &Reach, host: &str| reach.admit(&Uri::from_static("/"), &headers(&[("host", host)])).is_ok();
        let reach = named("qmt.example.com");
        for host in [
            "127.0.0.1:5366",
            "127.0.0.1",
            "[::1]:5366",
            "[::1]",
            "192.0.2.1",
            "localhost:5366",
            "LOCALHOST",
            "localhost.",
            "qmt.example.com",
            "QMT.example.com:443",
        ] {
            assert!(answers(&reach, host), "{host}");
        }
        for host in [
            "evil.example:5366",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "qmt.example.com.evil",
            "notqmt.example.com",
            "",
            " ",
            "a b",
            "127.0.0.1@evil.example",
            "evil.example#127.0.0.1",
        ] {
            assert!(!answers(&reach, host), "{host}");
        }
        assert!(answers(&Reach::default(), "evil.example"), "where readers show a credential, names do not matter");
        // A second line, or the name in the request's line, does not hide the first.
        let two = headers(&[("host", "localhost"), ("host", "evil.example")]);
        let Err(refused) = reach.admit(&Uri::from_static("/"), &two) else { panic!("a second name was not seen") };
        assert_eq!(refused, Denied::UnknownHost("evil.example".to_owned()));
        assert!(reach.admit(&Uri::from_static("http://evil.example/"), &headers(&[("host", "localhost")])).is_err());
        assert!(reach.admit(&Uri::from_static("/"), &HeaderMap::new()).is_ok(), "no browser leaves it out");
    }

    #[test]
    fn a_proxy_before_a_server_for_this_machine_is_noticed() {
        let reach = Reach { for_this_machine: true, ..Reach::default() };
        for name in BY_PROXIES {
            let headers = HeaderMap::from_iter([(name, HeaderValue::from_static("x"))]);
            assert_eq!(reach.admit(&Uri::from_static("/"), &headers), Err(Denied::ThroughProxy));
            assert_eq!(Reach::default().admit(&Uri::from_static("/"), &headers), Ok(()));
        }
    }

    #[test]
    fn the_client_is_the_last_who_is_no_proxy_of_ours() {
        let reach =
            Reach { proxies: vec!["10.0.0.0/8".parse().unwrap(), "fd00::1".parse().unwrap()], ..Reach::default() };
        for (peer, forwarded, client) in [
            ("192.0.2.7", &["198.51.100.1"][..], "192.0.2.7"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("fd00::1", &["[2001:db8::1]:443"], "2001:db8::1"),
            ("fd00::1", &["2001:db8::1"], "2001:db8::1"),
            // What the client claims to have come by is not believed.
            ("10.0.0.1", &["203.0.113.9, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["203.0.113.9", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", &["203.0.113.9, rubbish, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &[""], "10.0.0.1"),
        ] {
            let lines: Vec<_> = forwarded.iter().map(|line| ("x-forwarded-for", *line)).collect();
            let found = reach.client(peer.parse().unwrap(), &headers(&lines));
            assert_eq!(found, client.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
        }
        let nobody = headers(&[("x-forwarded-for", "198.51.100.1")]);
        assert_eq!(Reach::default().client([10, 0, 0, 1].into(), &nobody), IpAddr::from([10, 0, 0, 1]));
        for text in ["10.0.0.0/33", "proxy", ""] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn https_at_a_proxy_is_what_the_last_one_says_if_it_is_ours() {
        let reach = Reach { proxies: vec!["10.0.0.0/8".parse().unwrap()], ..Reach::default() };
        for (peer, said, is_https) in [
            ("10.0.0.1", &["https"][..], true),
            ("::ffff:10.0.0.1", &["HTTPS"], true),
            ("10.0.0.1", &["http, https"], true),
            ("10.0.0.1", &["http", "https"], true),
            ("10.0.0.1", &["https, http"], false),
            ("10.0.0.1", &["https", "http"], false),
            ("10.0.0.1", &[], false),
            ("10.0.0.1", &["", "wss", "httpss"], false),
            ("192.0.2.7", &["https"], false),
        ] {
            let lines: Vec<_> = said.iter().map(|line| ("x-forwarded-proto", *line)).collect();
            assert_eq!(reach.is_https_at_proxy(peer.parse().unwrap(), &headers(&lines)), is_https, "{peer} {said:?}");
        }
    }

    #[test]
    fn a_form_is_ours_when_its_origin_is_the_address_bar() {
        use Source::{Foreign, Own, Unsaid};
        for (lines, source) in [
            (&[][..], Unsaid),
            (&[("host", "a:5366")], Unsaid),
            (&[("sec-fetch-site", "same-origin")], Own),
            (&[("sec-fetch-site", "none")], Own),
            (&[("sec-fetch-site", "same-site")], Foreign),
            (&[("sec-fetch-site", "cross-site"), ("origin", "http://a"), ("host", "a")], Foreign),
            (&[("sec-fetch-site", "same-origin"), ("origin", "https://name"), ("host", "127.0.0.1:5366")], Own),
            (&[("origin", "http://a:5366"), ("host", "a:5366")], Own),
            (&[("origin", "http://A:5366"), ("host", "a:5366")], Own),
            (&[("origin", "http://a:5366"), ("host", "a")], Own),
            (&[("origin", "https://qmt.example.com"), ("host", "127.0.0.1:5366")], Own),
            (&[("origin", "http://a:5367"), ("host", "a:5366")], Foreign),
            (&[("origin", "http://a"), ("host", "a:5366")], Foreign),
            (&[("origin", "http://b:5366"), ("host", "a:5366")], Foreign),
            (&[("origin", "http://b:5366")], Foreign),
            (&[("origin", "null"), ("host", "null")], Foreign),
            (&[("origin", ""), ("host", "a")], Foreign),
        ] {
            assert_eq!(named("qmt.example.com").source(&headers(lines)), source, "{lines:?}");
        }
    }
}
