//! クロスサイト・スクリプティング (CWE-79).
//!
//! Pages are made of typed pieces, each rendered by one template that escapes every text. `safe` stands only where a piece
//! that was rendered so is put into another, and the test keeps it so. Should a text ever slip through, the content
//! policy lets no inline script, no inline style and nothing from elsewhere run. What a visitor uploads is never shown as
//! a page.
