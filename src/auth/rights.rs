//! Rights are values: a handler that holds one may, and there is no other way to come by one than to be checked here.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap};
use tokio::sync::Mutex;
use tokio::task::JoinError;
use tokio::time::MissedTickBehavior;

use super::Denied;
use super::api_key::{self, ApiKeys};
use super::keyring::{Client, Keyring, KeyringError, LOOK_EVERY};
use super::password::verify;
use super::reach::Reach;
use super::refused::Refused;
use super::session::{self, FormKey, SessionSecret};
use super::throttle::{Throttle, Wait};
use super::timing::Timing;
use super::token::{Bound, Token};
use crate::clock::Clock;
use crate::domain::account::AccountName;
use crate::domain::moment::Moment;
use crate::domain::revision::Actor;
use crate::domain::strategy::{Kind, Pattern, StrategyName};
use crate::ledger::UsedToken;
use crate::store::api_keys::Scope;
use crate::store::{Errand, NotStored, Store};

/// Who may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Reads {
    /// Everybody who reaches the server.
    Open,
    /// Holders of an API key for reading, and the operator.
    Key,
}

/// May read positions.
#[derive(Debug)]
pub struct Reader(());

/// May read what an account is to hold.
#[derive(Debug)]
pub struct AccountReader {
    is_bound: bool,
}

impl AccountReader {
    /// Whether a key was shown that is bound to the account: whoever shows it is the account's terminal.
    pub const fn is_bound(&self) -> bool {
        self.is_bound
    }
}

/// May read on which days the exchanges trade: whoever may read anything, a terminal whose key is bound to an account as well.
#[derive(Debug)]
pub struct CalendarReader(());

/// May report for an account: whoever shows a key that is bound to it.
#[derive(Debug)]
pub struct Reporter {
    /// Which account.
    pub account: AccountName,
    /// The key that was shown.
    pub actor: Actor,
    /// From where.
    pub address: IpAddr,
}

/// May read a merged total.
#[derive(Debug)]
pub enum TotalReader {
    /// Over whichever strategies are asked for.
    All(Reader),
    /// What this account is to hold.
    Account(AccountName),
}

/// By what a [`Reader`] was let in, for as long as an answer to them goes on: what they can be looked up by again, and
/// nothing of their request.
#[derive(Debug)]
pub enum Admission {
    /// Everybody may read.
    Open,
    /// The operator's password.
    Password {
        /// When it was set.
        set_at: Option<Moment>,
    },
    /// What was shown besides, by its SHA-256.
    Credential {
        /// A session of the pages.
        session: Option<[u8; 32]>,
        /// An API key.
        api_key: Option<[u8; 32]>,
    },
}

/// May push, as somebody.
#[derive(Debug)]
pub struct Pusher {
    actor: Actor,
    address: IpAddr,
    token: Option<UsedToken>,
    strategies: Option<Vec<Pattern>>,
    unbound: bool,
}

/// May push, if the body that arrives is the one that the token was signed for.
#[derive(Debug)]
pub struct Claim {
    token: Option<Token>,
    pusher: Pusher,
}

impl Claim {
    /// What was shown: the client, or the API key's name.
    pub fn credential(&self) -> &str {
        self.pusher.actor.name()
    }

    /// Holds the claim against the request, now that its body is there.
    ///
    /// # Errors
    /// When the token was signed for another one.
    pub fn over(self, request: Bound<'_>) -> Result<Pusher, Denied> {
        match self.token {
            Some(token) => token.check_binding(request).map(|()| self.pusher),
            None => Ok(self.pusher),
        }
    }
}

/// May push a list to one strategy.
#[derive(Debug)]
pub struct Permit {
    /// Which one.
    pub strategy: StrategyName,
    /// Who pushes.
    pub actor: Actor,
    /// From where.
    pub address: IpAddr,
    /// The token that this uses up.
    pub token: Option<UsedToken>,
    /// Whether the token could be put over another body.
    pub unbound: bool,
}

/// May correct the book and set the password.
#[derive(Debug)]
pub struct Operator {
    address: IpAddr,
}

impl Pusher {
    /// What the client or key is called.
    pub fn name(&self) -> &str {
        self.actor.name()
    }

    /// The right to push to one strategy.
    ///
    /// # Errors
    /// When the credential does not cover it.
    pub fn to(self, strategy: StrategyName) -> Result<Permit, Denied> {
        let Self { actor, address, token, strategies, unbound } = self;
        let everything = [Pattern::new("*")];
        let patterns = strategies.as_deref().unwrap_or(&everything);
        if patterns.iter().any(|pattern| pattern.allows(&strategy)) {
            Ok(Permit { strategy, actor, address, token, unbound })
        } else if strategy.kind() == Kind::Adjustment {
            Err(Denied::OverlayForbidden(strategy.to_string()))
        } else {
            Err(Denied::StrategyForbidden(strategy.to_string()))
        }
    }
}

impl Operator {
    /// Who the history names.
    pub const fn actor(&self) -> Actor {
        Actor::Operator
    }

    /// From where the operator works.
    pub const fn address(&self) -> IpAddr {
        self.address
    }
}

/// Somebody who logged in to the pages with the operator's password.
#[derive(Debug)]
pub struct LoggedIn {
    digest: [u8; 32],
    form_key: FormKey,
}

impl LoggedIn {
    /// What the forms of a page of this session must carry; another page carries another one.
    pub fn form_token(&self) -> String {
        self.form_key.masked()
    }

    /// The right to change something, for a form that a page of this session made.
    ///
    /// # Errors
    /// When another page made it.
    pub fn over_form(&self, form_token: &str, address: IpAddr) -> Result<Operator, Denied> {
        if self.form_key.is_in(form_token) { Ok(Operator { address }) } else { Err(Denied::ForeignForm) }
    }
}

/// A request, as far as it says who sends it.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// What the session's cookie holds, if there is one.
    pub session: Option<&'a str>,
    /// Its query, raw.
    pub query: Option<&'a str>,
    /// Where it comes from.
    pub address: IpAddr,
}

impl Sender<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// An API key, wherever one may stand.
    fn api_key(&self) -> Option<String> {
        if let Some(key) = self.header("x-api-key") {
            return Some(key.to_owned());
        }
        let authorization = self.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        if let Some((scheme, value)) = authorization.and_then(|value| value.split_once(' ')) {
            if scheme.eq_ignore_ascii_case("bearer") {
                return Some(value.trim().to_owned());
            }
            if scheme.eq_ignore_ascii_case("basic") {
                let pair = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
                return Some(pair.split_once(':')?.1.to_owned());
            }
        }
        // Most queries hold no key, and need not be taken apart for it.
        let query = self.query.filter(|query| query.contains("api_key"))?;
        let pairs = form_urlencoded::parse(query.as_bytes());
        pairs.into_iter().find(|(name, _)| name == "api_key").map(|(_, key)| key.into_owned())
    }
}

/// The one who checks.
#[derive(Debug)]
pub struct Gate {
    reads: Reads,
    reach: Reach,
    token_max_age: Duration,
    clock: Clock,
    store: Store,
    keyring: Arc<Keyring>,
    api_keys: ApiKeys,
    /// Held while a password is checked: one guess at a time, each counted before it is looked at.
    throttle: Mutex<Throttle>,
    refused: Refused,
    timing: Timing,
}

impl Gate {
    /// Reads the keys folder and stands at the door.
    ///
    /// # Errors
    /// When the keys folder holds what does not belong there.
    pub fn new(
        keys_dir: &Path,
        reads: Reads,
        token_max_age: Duration,
        clock: Clock,
        store: Store,
    ) -> Result<Self, KeyringError> {
        Ok(Self {
            reads,
            reach: Reach::default(),
            token_max_age,
            keyring: Arc::new(Keyring::open(keys_dir, clock.clone())?),
            api_keys: ApiKeys::new(store.clone(), clock.clone()),
            throttle: Mutex::default(),
            refused: Refused::default(),
            timing: Timing::default(),
            clock,
            store,
        })
    }

    /// The same, for a server that is reached in a certain way.
    #[must_use]
    pub fn reached(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    /// Looks every key up again before it is believed: one was revoked.
    pub fn forget_keys(&self) {
        self.api_keys.forget();
    }

    /// How the server is reached.
    pub const fn reach(&self) -> &Reach {
        &self.reach
    }

    /// From where signatures came that were refused.
    pub const fn refused(&self) -> &Refused {
        &self.refused
    }

    /// What signed tokens say of our clock.
    pub const fn timing(&self) -> &Timing {
        &self.timing
    }

    /// The public keys, as of a look at the folder within the last second.
    pub async fn keyring(&self) -> &Keyring {
        if self.keyring.is_due() {
            self.look_at_keys().await;
        }
        &self.keyring
    }

    /// Who may read.
    pub const fn reads(&self) -> Reads {
        self.reads
    }

    /// Begins a session for who knows the operator's password.
    ///
    /// # Errors
    /// As [`Self::operator`], and when the store cannot write.
    pub async fn log_in(&self, password: &str, address: IpAddr) -> Result<SessionSecret, Denied> {
        self.operator(Some(password), address).await?;
        self.open_session().await
    }

    /// Begins a session.
    ///
    /// # Errors
    /// When the store cannot write.
    pub(crate) async fn open_session(&self) -> Result<SessionSecret, Denied> {
        let secret = SessionSecret::generate().map_err(|error| Denied::Unavailable(error.to_string()))?;
        let useless_before = self.clock.now().minus(session::LONGEST);
        let errand = Errand::OpenSession { digest: secret.digest(), useless_before };
        // Whether it was stored or not, where that is not known: nobody is told its secret.
        self.store.run(errand).await.map_err(|error| Denied::Unavailable(error.to_string()))?;
        Ok(secret)
    }

    /// Who is logged in with a session that has just begun.
    pub fn known(&self, secret: &SessionSecret) -> LoggedIn {
        LoggedIn { digest: secret.digest(), form_key: secret.form_key() }
    }

    /// Who is logged in, by what the session's cookie holds.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn session(&self, cookie: Option<&str>) -> Result<Option<LoggedIn>, Denied> {
        let Some(secret) = cookie.map(SessionSecret::presented) else { return Ok(None) };
        let (digest, now) = (secret.digest(), self.clock.now());
        let found = self.store.session(&digest).await.map_err(|error| Denied::Unavailable(error.to_string()))?;
        let Some(found) = found.filter(|found| session::holds(found, now)) else { return Ok(None) };
        if session::is_due(&found, now) {
            self.store.note_session_use(digest, now);
        }
        Ok(Some(LoggedIn { digest, form_key: secret.form_key() }))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the store cannot write, or the disk failed in between.
    pub async fn log_out(&self, session: &LoggedIn) -> Result<(), NotStored> {
        self.store.run(Errand::CloseSession(session.digest)).await.map(|_| ())
    }

    /// Whether somebody may read.
    ///
    /// # Errors
    /// When reading needs a credential and this is none.
    pub async fn reader(&self, sender: Sender<'_>) -> Result<Reader, Denied> {
        match self.bound_account(sender).await? {
            Some(account) => Err(Denied::BoundKey(account.to_string())),
            None => self.free_reader(sender).await,
        }
    }

    /// Whether somebody may read what an account is to hold.
    ///
    /// # Errors
    /// As [`Self::reader`]; and when a key that is shown is bound to another account.
    pub async fn account_reader(&self, sender: Sender<'_>, account: &AccountName) -> Result<AccountReader, Denied> {
        match self.bound_account(sender).await? {
            Some(bound) if bound == *account => Ok(AccountReader { is_bound: true }),
            Some(other) => Err(Denied::BoundKey(other.to_string())),
            None => self.free_reader(sender).await.map(|Reader(())| AccountReader { is_bound: false }),
        }
    }

    /// Whether somebody may read on which days the exchanges trade.
    ///
    /// # Errors
    /// When reading needs a credential and this is none.
    pub async fn calendar_reader(&self, sender: Sender<'_>) -> Result<CalendarReader, Denied> {
        match self.bound_account(sender).await? {
            Some(_) => Ok(CalendarReader(())),
            None => self.free_reader(sender).await.map(|Reader(())| CalendarReader(())),
        }
    }

    /// The right to report for an account.
    ///
    /// # Errors
    /// When no key is shown that is bound to it.
    pub async fn reporter(&self, sender: Sender<'_>, account: &AccountName) -> Result<Reporter, Denied> {
        let presented = sender.api_key().ok_or(Denied::MissingBoundKey)?;
        let key = self.api_keys.check(api_key::digest(&presented)).await?;
        match key.account {
            Some(bound) if bound == *account => {
                Ok(Reporter { account: bound, actor: Actor::Key(key.name), address: sender.address })
            }
            Some(other) => Err(Denied::BoundKey(other.to_string())),
            None => Err(Denied::MissingBoundKey),
        }
    }

    /// Which total somebody may read.
    ///
    /// # Errors
    /// As [`Self::reader`].
    pub async fn total_reader(&self, sender: Sender<'_>) -> Result<TotalReader, Denied> {
        match self.bound_account(sender).await? {
            Some(account) => Ok(TotalReader::Account(account)),
            None => self.free_reader(sender).await.map(TotalReader::All),
        }
    }

    /// The account that a key is bound to which somebody shows. Where reading is open as well, a key of ours must be good: a
    /// terminal whose bound key was revoked must not be answered everybody's total in its place.
    async fn bound_account(&self, sender: Sender<'_>) -> Result<Option<AccountName>, Denied> {
        match sender.api_key().filter(|key| key.starts_with(api_key::MARK)) {
            Some(key) => Ok(self.api_keys.check(api_key::digest(&key)).await?.account),
            None => Ok(None),
        }
    }

    async fn free_reader(&self, sender: Sender<'_>) -> Result<Reader, Denied> {
        if self.reads == Reads::Open {
            return Ok(Reader(()));
        }
        if let Some(password) = sender.headers.get("x-internal-password") {
            let password = String::from_utf8_lossy(password.as_bytes());
            return self.operator(Some(&password), sender.address).await.map(|_| Reader(()));
        }
        if self.session(sender.session).await?.is_some() {
            return Ok(Reader(()));
        }
        let presented = sender.api_key().ok_or(Denied::MissingReadCredential)?;
        self.reading_key(api_key::digest(&presented)).await.map(|()| Reader(()))
    }

    /// By what somebody was let in who was just found to be a [`Reader`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn admission(&self, sender: Sender<'_>) -> Result<Admission, Denied> {
        // A key that is bound to an account counts also where everybody may read.
        let is_bound = self.bound_account(sender).await?.is_some();
        if self.reads == Reads::Open && !is_bound {
            return Ok(Admission::Open);
        }
        // One who came with such a key came by it, whatever else he sent.
        if !is_bound && sender.headers.contains_key("x-internal-password") {
            return Ok(Admission::Password { set_at: self.password_set_at().await? });
        }
        let session = sender.session.map(|cookie| SessionSecret::presented(cookie).digest());
        Ok(Admission::Credential { session, api_key: sender.api_key().map(|key| api_key::digest(&key)) })
    }

    async fn password_set_at(&self) -> Result<Option<Moment>, Denied> {
        let operator = self.store.operator().await.map_err(|error| Denied::Unavailable(error.to_string()))?;
        Ok(operator.map(|operator| operator.updated_at))
    }

    /// Whether somebody who was let in to read still may, while an answer to them goes on. It is no use of their session, and
    /// no guess at the password.
    ///
    /// # Errors
    /// When they may not any more, or it cannot be known.
    pub async fn still_reads(&self, admission: &Admission) -> Result<(), Denied> {
        match *admission {
            Admission::Open => Ok(()),
            Admission::Password { set_at } => {
                let is_the_same = self.password_set_at().await? == set_at;
                if is_the_same { Ok(()) } else { Err(Denied::WrongPassword) }
            }
            Admission::Credential { session, api_key } => self.still_admits(session, api_key).await,
        }
    }

    async fn still_admits(&self, session: Option<[u8; 32]>, api_key: Option<[u8; 32]>) -> Result<(), Denied> {
        if let Some(digest) = session {
            let found = self.store.session(&digest).await.map_err(|error| Denied::Unavailable(error.to_string()))?;
            if found.is_some_and(|found| session::holds(&found, self.clock.now())) {
                return Ok(());
            }
        }
        let digest = api_key.ok_or(Denied::MissingReadCredential)?;
        self.reading_key(digest).await
    }

    /// Whether an API key is one for reading.
    async fn reading_key(&self, digest: [u8; 32]) -> Result<(), Denied> {
        match self.api_keys.check(digest).await?.scope {
            Scope::Read | Scope::Account => Ok(()),
            Scope::Write => Err(Denied::WrongScope("read")),
        }
    }

    /// Whether somebody may push, by a signed token or an API key. The body is not needed for it, so that a stranger
    /// cannot make the server take one in.
    ///
    /// # Errors
    /// When there is no credential, or it is not good.
    pub async fn pusher(&self, sender: Sender<'_>) -> Result<Claim, Denied> {
        if let Some(header) = sender.headers.get("x-auth-token") {
            let header = header.to_str().map_err(|_| Denied::MalformedToken("it is not ASCII"))?;
            return self.signed_pusher(header, sender.address).await;
        }
        let presented = sender.api_key().ok_or(Denied::MissingToken)?;
        let key = self.api_keys.check(api_key::digest(&presented)).await?;
        if key.scope != Scope::Write {
            return Err(Denied::WrongScope("write"));
        }
        let strategies = (!key.strategies.is_empty()).then_some(key.strategies);
        let (actor, address) = (Actor::Key(key.name), sender.address);
        let pusher = Pusher { actor, address, token: None, strategies, unbound: false };
        Ok(Claim { token: None, pusher })
    }

    async fn signed_pusher(&self, header: &str, address: IpAddr) -> Result<Claim, Denied> {
        let token = Token::parse(header)?;
        let now = self.clock.now();
        if let Err(untimely) = token.check_age(now, self.token_max_age) {
            self.note_untimely(&token, now).await;
            return Err(untimely);
        }
        token.check_audience(&self.reach)?;
        let before = self.keyring().await.changes();
        let mut client = self.verified(&token);
        if matches!(client, Err(Denied::UnknownClient(_) | Denied::BadSignature)) {
            // The key may have been put into the folder just now, and another request may have seen it first.
            self.look_at_keys().await;
            if self.keyring.changes() != before {
                client = self.verified(&token);
            }
        }
        let client = client.inspect_err(|_| self.refused.note(address, self.clock.running()))?;
        self.timing.accepted(now.ahead_of(token.signed_at), self.clock.running());
        if token.is_unbound() && !client.unbound {
            return Err(Denied::UnboundToken);
        }
        let pusher = Pusher {
            actor: Actor::Client(token.client_id.clone()),
            address,
            token: Some(token.used()),
            strategies: client.strategies.clone(),
            unbound: token.is_unbound(),
        };
        Ok(Claim { token: Some(token), pusher })
    }

    /// Notes what a token that is refused for its time says of our clock, if one of our clients signed it for us.
    async fn note_untimely(&self, token: &Token, now: Moment) {
        self.keyring().await;
        if token.check_audience(&self.reach).is_ok() && self.verified(token).is_ok() {
            self.timing.refused(now.ahead_of(token.signed_at), self.clock.running());
        }
    }

    /// The client whose key made the token's signature.
    ///
    /// Found out right here and not on a blocking thread: it takes 16 to 220 µs of CPU, and handing it over and back was
    /// measured to cost a quarter of the pushes per second when it took several times as long.
    fn verified(&self, token: &Token) -> Result<Arc<Client>, Denied> {
        let client =
            self.keyring.client(&token.client_id).ok_or_else(|| Denied::UnknownClient(token.client_id.clone()))?;
        token.check_signature(&client.keys)?;
        Ok(client)
    }

    /// Looks at the keys folder again and again, for ever, so that a key that was taken away is gone though nobody pushes.
    ///
    /// # Errors
    /// When a look panicked.
    pub fn watch_keys(&self) -> impl Future<Output = Result<(), JoinError>> + Send + 'static {
        let keyring = Arc::clone(&self.keyring);
        async move {
            let mut ticks = tokio::time::interval(LOOK_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let keyring = Arc::clone(&keyring);
                tokio::task::spawn_blocking(move || keyring.look_again()).await?;
            }
        }
    }

    /// Looks at the keys folder. Files are for a blocking thread.
    async fn look_at_keys(&self) {
        let keyring = Arc::clone(&self.keyring);
        if let Err(error) = tokio::task::spawn_blocking(move || keyring.look_again()).await {
            tracing::error!(%error, "the keys folder could not be looked at");
        }
    }

    /// Whether somebody is the operator.
    ///
    /// # Errors
    /// When the password is missing or wrong, or its address is locked out.
    pub async fn operator(&self, password: Option<&str>, address: IpAddr) -> Result<Operator, Denied> {
        let password = password.ok_or(Denied::MissingPassword)?;
        self.guessed(password, address, false).await
    }

    /// Whether somebody who is logged in still knows the password: a browser may be left open. Strangers who guess do not
    /// hold it up.
    ///
    /// # Errors
    /// As [`Self::operator`].
    pub async fn operator_again(&self, password: &str, operator: &Operator) -> Result<Operator, Denied> {
        self.guessed(password, operator.address, true).await
    }

    async fn guessed(&self, password: &str, address: IpAddr, is_member: bool) -> Result<Operator, Denied> {
        let (password, now) = (password.to_owned(), || self.clock.running());
        let mut throttle = self.throttle.lock().await;
        match throttle.wait(address, is_member, now()) {
            Some(Wait::Locked(retry_after)) => return Err(Denied::LockedOut { retry_after }),
            Some(Wait::Crowded(retry_after)) => return Err(Denied::Crowded { retry_after }),
            None => {}
        }
        // Before the first wait: a caller who is gone by then has still guessed.
        let charge = throttle.charge(address, is_member, now());
        match self.is_password(password).await {
            Ok(false) => {
                tracing::warn!(%address, "a wrong operator's password");
                return Err(Denied::WrongPassword);
            }
            Ok(true) => {
                throttle.give_back(charge);
                throttle.welcome(address, now());
            }
            Err(unavailable) => {
                throttle.give_back(charge);
                return Err(unavailable);
            }
        }
        Ok(Operator { address })
    }

    async fn is_password(&self, text: String) -> Result<bool, Denied> {
        let unavailable = |error: &dyn std::error::Error| Denied::Unavailable(error.to_string());
        let Some(stored) = self.store.operator().await.map_err(|error| unavailable(&error))? else { return Ok(false) };
        let checking = tokio::task::spawn_blocking(move || verify(&text, &stored.password_hash));
        checking.await.map_err(|error| unavailable(&error))
    }
}
