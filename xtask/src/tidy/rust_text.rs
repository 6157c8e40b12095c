//! Reads Rust closely enough to tell code from comments and strings, and to find where a function ends. A full
//! parser would be a dependency of the checker; this is one page and errs only on text no formatter leaves behind.

/// The same text, line for line, with comments and the inside of string and character literals as blanks.
#[must_use]
pub fn without_comments_and_strings(text: &str) -> String {
    let mut reader =
        Reader { characters: text.chars().collect(), at: 0, out: String::with_capacity(text.len()) };
    while reader.at < reader.characters.len() {
        reader.step();
    }
    reader.out
}

/// Blanks out every item that stands under `#[cfg(test)]`.
#[must_use]
pub fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    let mut from = 0;
    while let Some(found) = out.get(from..).and_then(|rest| rest.find("#[cfg(test)]")) {
        let start = from + found;
        let rest = out.get(start..).unwrap_or_default();
        let end = start + item_length(rest);
        let blank: String = out.get(start..end).unwrap_or_default().chars().map(blanked).collect();
        from = start + blank.len();
        out.replace_range(start..end, &blank);
    }
    out
}

/// A function: its name and its first and last line, from 1.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// As written after `fn`.
    pub name: String,
    /// The line of `fn`.
    pub first: usize,
    /// The line of the closing brace.
    pub last: usize,
}

/// Every function with a body, nested ones too.
#[must_use]
pub fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let before = code.get(..at).unwrap_or_default();
        if before.chars().next_back().is_some_and(is_word) {
            continue;
        }
        let rest = code.get(at + 3..).unwrap_or_default();
        let name: String = rest.chars().take_while(|it| is_word(*it)).collect();
        let Some(length) = body_end(rest).filter(|_| !name.is_empty()) else { continue };
        let first = before.matches('\n').count() + 1;
        let lines = rest.get(..length).unwrap_or_default().matches('\n').count();
        found.push(Function { name, first, last: first + lines });
    }
    found
}

/// Whether a word stands in a line on its own, not as part of a longer name.
#[must_use]
pub fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|it| it.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|it| it.chars().next());
        let opens = !word.starts_with(is_word) || !before.is_some_and(is_word);
        let closes = !word.ends_with(is_word) || !after.is_some_and(is_word);
        opens && closes
    })
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn blanked(character: char) -> char {
    if character == '\n' { '\n' } else { ' ' }
}

/// Bytes up to and with the end of the item that begins here: its closing brace, or its semicolon.
fn item_length(rest: &str) -> usize {
    let semicolon = outer(rest, ';');
    match (body_end(rest), semicolon) {
        (Some(brace), Some(end)) => brace.min(end + 1).max(1),
        (Some(brace), None) => brace,
        (None, Some(end)) => end + 1,
        (None, None) => rest.len(),
    }
}

/// Where a character stands outside every bracket.
fn outer(rest: &str, wanted: char) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, character) in rest.char_indices() {
        match character {
            it if it == wanted && depth == 0 => return Some(at),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// Bytes up to and with the brace that closes the body; none when a semicolon comes first (no body).
fn body_end(rest: &str) -> Option<usize> {
    let open = outer(rest, '{')?;
    if outer(rest, ';').is_some_and(|semicolon| semicolon < open) {
        return None;
    }
    let mut depth = 0_u32;
    for (at, character) in rest.get(open..)?.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 1 => return Some(open + at + 1),
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

struct Reader {
    characters: Vec<char>,
    at: usize,
    out: String,
}

impl Reader {
    fn peek(&self, ahead: usize) -> char {
        self.characters.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn keep(&mut self) {
        let character = self.peek(0);
        self.out.push(character);
        self.at += 1;
    }

    fn blank(&mut self) {
        let character = self.peek(0);
        self.out.push(blanked(character));
        self.at += 1;
    }

    fn step(&mut self) {
        match (self.peek(0), self.peek(1)) {
            ('/', '/') => self.blank_while(|reader| reader.peek(0) != '\n'),
            ('/', '*') => self.block_comment(),
            ('"', _) => self.string(),
            ('r', '"' | '#') if !self.in_word() => self.raw_string(),
            ('b', 'r') if !self.in_word() && matches!(self.peek(2), '"' | '#') => {
                self.keep();
                self.raw_string();
            }
            ('\'', '\\') => self.character(),
            ('\'', _) if self.peek(2) == '\'' => self.character(),
            _ => self.keep(),
        }
    }

    fn in_word(&self) -> bool {
        self.out.chars().next_back().is_some_and(is_word)
    }

    fn blank_while(&mut self, more: impl Fn(&Self) -> bool) {
        while self.at < self.characters.len() && more(self) {
            self.blank();
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_u32;
        while self.at < self.characters.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth = depth.saturating_sub(1),
                _ => {
                    self.blank();
                    continue;
                }
            }
            self.blank();
            self.blank();
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.quoted('"');
    }

    fn character(&mut self) {
        self.quoted('\'');
    }

    fn quoted(&mut self, mark: char) {
        self.keep();
        while self.at < self.characters.len() && self.peek(0) != mark {
            if self.peek(0) == '\\' {
                self.blank();
            }
            if self.at < self.characters.len() {
                self.blank();
            }
        }
        if self.at < self.characters.len() {
            self.keep();
        }
    }

    /// From the `r`; `r#name` (a raw identifier) is left as it is.
    fn raw_string(&mut self) {
        let mut marks = 0;
        while self.peek(1 + marks) == '#' {
            marks += 1;
        }
        if self.peek(1 + marks) != '"' {
            self.keep();
            return;
        }
        for _ in 0..marks + 2 {
            self.keep();
        }
        while self.at < self.characters.len() {
            let closes = self.peek(0) == '"' && (1..=marks).all(|ahead| self.peek(ahead) == '#');
            if closes {
                for _ in 0..=marks {
                    self.keep();
                }
                return;
            }
            self.blank();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_become_blanks_and_lines_stay() {
        let text =
            "let a = \"fn x { \\\" }\"; // fn y {\n/* { /* { */ } */ let b = '{';\nlet c = r#\"} \" {\"#;";
        let code = without_comments_and_strings(text);
        assert_eq!(code.lines().count(), 3);
        assert!(!code.contains('{') && !code.contains('}'), "{code}");
        assert!(code.contains("let b") && code.contains("let c"));
    }

    #[test]
    fn a_lifetime_is_not_a_character() {
        let code = without_comments_and_strings("fn a<'a>(x: &'a str) -> &'a str { x }");
        assert!(code.contains("{ x }"));
    }

    #[test]
    fn a_character_that_is_a_quote_does_not_open_a_string() {
        let code = without_comments_and_strings("let a = '\"'; let b = '\\''; let c = b'\"'; call(d)");
        assert!(code.contains("call(d)"), "{code}");
    }

    #[test]
    fn a_function_spans_from_fn_to_its_brace() {
        let code = "fn a() {\n  if b {\n  }\n}\n\nfn c(x: fn (u8) -> u8) -> [u8; 2]\nwhere\n  T: A,\n{\n}\n";
        let found = functions(code);
        assert_eq!(found.first(), Some(&Function { name: "a".to_owned(), first: 1, last: 4 }));
        assert_eq!(found.get(1), Some(&Function { name: "c".to_owned(), first: 6, last: 10 }));
    }

    #[test]
    fn a_function_without_a_body_has_no_length() {
        assert!(functions("trait A { fn a(&self); }\n").is_empty());
    }

    #[test]
    fn what_stands_under_cfg_test_is_not_shipped() {
        let shipped = without_tests("use a;\n#[cfg(test)]\nmod tests {\n  use b;\n}\nuse c;\n");
        assert!(shipped.contains("use a") && shipped.contains("use c") && !shipped.contains("use b"));
        let shipped = without_tests("#[cfg(test)]\nuse b;\nfn c() {}\n");
        assert!(shipped.contains("fn c") && !shipped.contains("use b"));
    }

    #[test]
    fn a_word_is_not_found_inside_a_longer_one() {
        assert!(has_word("use rand::Rng;", "rand"));
        assert!(!has_word("let operand = 1;", "rand"));
        assert!(has_word("async fn a()", "async "));
    }
}
