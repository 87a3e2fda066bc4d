//! The style and the scripts: in the binary, under names that change with what is in them.

use std::sync::LazyLock;

use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::super::answer::CachePolicy;
use super::super::error::AppError;
use super::super::extract::PathText;

/// A file that pages refer to.
#[derive(Debug)]
pub(super) struct Asset {
    /// Where it is found.
    pub(super) path: String,
    content_type: &'static str,
    text: &'static str,
}

impl Asset {
    fn new(name: &str, extension: &str, content_type: &'static str, text: &'static str) -> Self {
        let hash = hex::encode(&Sha256::digest(text)[..6]);
        Self { path: format!("/static/{name}.{hash}.{extension}"), content_type, text }
    }
}

/// How pages look.
pub(super) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("style", "css", "text/css; charset=utf-8", include_str!("../../../static/style.css")));

/// What keeps them live.
pub(super) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("live", "js", "text/javascript; charset=utf-8", include_str!("../../../static/live.js"))
});

/// What helps the hands: keys, pointers, copying.
pub(super) static HANDS: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("hands", "js", "text/javascript; charset=utf-8", include_str!("../../../static/hands.js"))
});

/// What tells of incidents outside of the page.
pub(super) static TELLER: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("tell", "js", "text/javascript; charset=utf-8", include_str!("../../../static/tell.js"))
});

/// The mark of the browser's tab.
pub(super) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("../../../static/icon.svg")));

/// `GET /static/{name}`
pub(super) async fn asset(PathText(name): PathText) -> Result<Response, AppError> {
    let known = [&*STYLE, &*SCRIPT, &*HANDS, &*TELLER, &*ICON].into_iter();
    let found = known.into_iter().find(|asset| asset.path.strip_prefix("/static/") == Some(&*name));
    let asset = found.ok_or(AppError::NotFound)?;
    let mut response = asset.text.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    response.extensions_mut().insert(CachePolicy::Forever);
    Ok(response)
}
