//! Files of the look: style sheet, script, icon. Their digest is part of the address, so that they can be kept for a
//! year and are never stale.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

static ASSETS: [Asset; 3] = [
    Asset {
        name: "yakujo.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../../static/yakujo.css"),
    },
    Asset {
        name: "yakujo.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../static/yakujo.js"),
    },
    Asset { name: "icon.svg", kind: "image/svg+xml", bytes: include_bytes!("../../static/icon.svg") },
];

static DIGESTS: LazyLock<Vec<(String, &'static Asset)>> = LazyLock::new(|| {
    let digest = |asset: &'static Asset| {
        let hex = crate::people::hex(&Sha256::digest(asset.bytes));
        (hex.chars().take(16).collect(), asset)
    };
    ASSETS.iter().map(digest).collect()
});

/// The address of an asset.
#[must_use]
pub fn path(name: &str) -> String {
    let known = DIGESTS.iter().find(|(_, asset)| asset.name == name);
    known.map_or_else(String::new, |(digest, asset)| format!("/static/{digest}/{}", asset.name))
}

/// The asset at this address; none where there is none.
#[must_use]
pub fn get(digest: &str, name: &str) -> Option<Response> {
    let (_, asset) = DIGESTS.iter().find(|(known, asset)| known == digest && asset.name == name)?;
    let mut response = Response::new(Body::from(asset.bytes));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    let long = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(header::CACHE_CONTROL, long);
    Some(response)
}
