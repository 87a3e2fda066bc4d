//! `/accounts/{name}/settings`: an account as a form, with the orders that it would cause in view before it is saved.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use sha2::{Digest, Sha256};

use super::super::AppState;
use super::super::error::{AppError, Invalid};
use super::super::extract::{PathText, Query, account_name};
use super::account_form::{AccountForm, TypedRow};
use super::form::{CheckedForm, Fields};
use super::links::account_path;
use super::settled::SettledLine;
use super::undo::AsOf;
use super::view::{Member, View};
use super::{html, links, see_other};
use crate::desk::{AccountPreview, Supposed};
use crate::domain::account::{Account, AccountName};
use crate::domain::book::{Book, Mark};
use crate::domain::moment::Moment;
use crate::domain::report::Side;
use crate::domain::revision::{Revision, Topic};
use crate::domain::settings::Settled;
use crate::domain::strategy::Kind;

/// How many empty rows are offered, and how many when more are asked for.
const SPARE_ROWS: usize = 2;
const MORE_ROWS: usize = 10;

#[derive(Template)]
#[template(path = "account_settings.html")]
struct SettingsPage {
    v: View,
    name: AccountName,
    path: String,
    /// What the account is at, or was last held against; [`Revision::NONE`] for one that is to be created.
    revision: Revision,
    form: AccountForm,
    /// Stands for the account that the preview below was made with: what is saved is what was seen.
    digest: String,
    preview: Option<Seen>,
    their_changes: Vec<SettledLine>,
    /// The strategies that there are, to choose from.
    known: Vec<String>,
    notice: Option<Notice>,
}

/// What saving would do.
struct Seen {
    changes: Vec<SettledLine>,
    orders: AccountPreview,
    /// Whether the account is not there yet, so that the orders begin from nothing.
    from_nothing: bool,
    /// The cash that its terminal reported, CNY, and when.
    cash: Option<(f64, Moment)>,
}

enum Notice {
    Good(&'static str),
    Bad(&'static str),
}

fn known(book: &Book) -> Vec<String> {
    let ordinary = book.strategies().filter(|strategy| strategy.name.kind() == Kind::Ordinary);
    ordinary.map(|strategy| strategy.name.to_string()).collect()
}

/// Stands for an account that was previewed.
fn digest(account: &Account) -> String {
    hex::encode(Sha256::digest(serde_json::to_string(account).unwrap_or_default()))
}

/// `GET /accounts/{name}/settings`
pub(super) async fn page(
    State(state): State<AppState>,
    Member(v): Member,
    PathText(name): PathText,
    Query(query): Query<AsOf>,
) -> Result<Response, AppError> {
    let (name, book) = (account_name(&name)?, state.store.book());
    if let Some(then) = query.revision()
        && let Some(earlier) = state.store.account_as_of(&name, then).await?
    {
        let mut page = SettingsPage::new(&book, v, name, AccountForm::of(&earlier.account));
        page.notice = Some(Notice::Good(page.v.t.earlier_filled_in));
        return page.preview(&state, earlier.account, false).await;
    }
    let form = book.settings().account(&name).map(|settled| AccountForm::of(&settled.account));
    let page = SettingsPage::new(&book, v, name, form.unwrap_or_default());
    Ok(page.draw(StatusCode::OK, SPARE_ROWS))
}

/// `POST /accounts/{name}/settings`
pub(super) async fn edit(
    State(state): State<AppState>,
    PathText(name): PathText,
    form: CheckedForm,
) -> Result<Response, AppError> {
    let CheckedForm { v, operator, fields, .. } = form;
    let mut page = SettingsPage::sent(&state, v, account_name(&name)?, &fields)?;
    let action = fields.get("action");
    if action == "more" {
        return Ok(page.draw(StatusCode::OK, MORE_ROWS));
    }
    let Some(account) = page.form.read(page.v.t) else { return Ok(page.faulty()) };
    let saving = action == "save";
    if saving && fields.get("digest") == digest(&account) {
        let done = state.desk.set_account(&operator, page.name.clone(), account.clone(), Some(page.revision)).await;
        match done {
            Ok(receipt) => return Ok(see_other(&links::done(&page.path, &[], &receipt))),
            Err(not_done) if not_done.is_conflict() => {}
            Err(not_done) => return Err(not_done.into()),
        }
    }
    // A preview, also of what was to be saved and was not.
    page.preview(&state, account, saving).await
}

/// The form as it was sent by a session that had ended: with its preview, though it was to be saved.
pub(super) async fn resume(
    state: &AppState,
    v: View,
    name: AccountName,
    fields: &Fields,
) -> Result<Response, AppError> {
    let mut page = SettingsPage::sent(state, v, name, fields)?;
    let Some(account) = page.form.read(page.v.t) else { return Ok(page.faulty()) };
    page.notice = Some(Notice::Good(page.v.t.resumed));
    page.preview(state, account, false).await
}

impl SettingsPage {
    fn new(book: &Book, v: View, name: AccountName, form: AccountForm) -> Self {
        Self {
            path: account_path(name.as_str()),
            revision: book.settings().revision(&Topic::Account(name.clone())),
            form,
            digest: String::new(),
            preview: None,
            their_changes: Vec::new(),
            known: known(book),
            notice: None,
            v,
            name,
        }
    }

    /// The page as its form was sent.
    fn sent(state: &AppState, v: View, name: AccountName, fields: &Fields) -> Result<Self, AppError> {
        let revision = fields.get("revision").parse().map_err(|_| Invalid::Query("revision".into()))?;
        Ok(Self { revision, ..Self::new(&state.store.book(), v, name, AccountForm::sent(fields)) })
    }

    const fn is_new(&self) -> bool {
        self.revision.get() == 0
    }

    fn faulty(mut self) -> Response {
        self.notice = Some(Notice::Bad(self.v.t.fix_errors));
        self.draw(StatusCode::UNPROCESSABLE_ENTITY, SPARE_ROWS)
    }

    /// Shows what saving would do, and what somebody else did meanwhile.
    async fn preview(mut self, state: &AppState, account: Account, saving: bool) -> Result<Response, AppError> {
        let book = state.store.book();
        let settled = book.settings().account(&self.name).cloned();
        let current = settled.as_ref().map(|settled| &settled.account);
        let now = settled.as_ref().map_or(Revision::NONE, |settled| settled.mark.revision);
        let mut status = StatusCode::OK;
        if now != self.revision {
            let before = state.store.for_operators().account_as_of(&self.name, self.revision).await?;
            let before = before.as_ref().map(|settled| &settled.account);
            self.their_changes = SettledLine::of_account(before, current, &self.v);
            self.notice = Some(Notice::Bad(self.v.t.account_moved));
            self.revision = now;
            status = StatusCode::CONFLICT;
        } else if saving {
            self.notice = Some(Notice::Bad(self.v.t.previewed_other));
        }
        let changes = SettledLine::of_account(current, Some(&account), &self.v);
        self.digest = digest(&account);
        let new = || Settled {
            name: self.name.clone(),
            account: account.clone(),
            former: book.settings().former(&self.name).to_vec(),
            mark: Mark::START,
        };
        let settled = settled.map_or_else(new, |settled| (*settled).clone());
        let reported = book.reported(&self.name);
        let cash = reported.and_then(|reported| Some((reported.cash?.approximate(), reported.heard_at)));
        let (desk, at) = (state.desk.clone(), self.v.now);
        let make = move || {
            let orders = desk.preview_account(&settled, Supposed::Account(account), at);
            Ok(Seen { changes, orders, from_nothing: settled.mark.revision == Revision::NONE, cash })
        };
        self.preview = Some(state.workshop.make(make).await?);
        Ok(self.draw(status, SPARE_ROWS))
    }

    /// The page, with so many empty rows.
    fn draw(mut self, status: StatusCode, spare: usize) -> Response {
        self.form.strategies.extend(std::iter::repeat_with(TypedRow::default).take(spare));
        self.form.protected.extend(std::iter::repeat_with(TypedRow::default).take(spare));
        html(status, &self)
    }
}
