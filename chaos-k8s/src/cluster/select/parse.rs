//! Reads the text of a label selector.

use std::collections::BTreeSet;

use chaos_core::{Error, Result};

use super::labels::Requirement;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Comma,
    Open,
    Close,
    Not,
    Equal,
    NotEqual,
    Above,
    Below,
}

pub(super) fn requirements(text: &str) -> Result<Vec<Requirement>> {
    let mut reader = Reader { text, tokens: tokens(text)?, next: 0 };
    if reader.tokens.is_empty() {
        return Err(Error::invalid("a selector by labels is empty: say which, as in app=cart"));
    }
    let mut all = vec![reader.requirement()?];
    while reader.next_is(Token::Comma) {
        all.push(reader.requirement()?);
    }
    if reader.next < reader.tokens.len() {
        return Err(reader.wrong("a comma between two requirements"));
    }
    Ok(all)
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        let (token, length) = match first {
            ',' => (Token::Comma, 1),
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '>' => (Token::Above, 1),
            '<' => (Token::Below, 1),
            '!' if rest.starts_with("!=") => (Token::NotEqual, 2),
            '!' => (Token::Not, 1),
            '=' if rest.starts_with("==") => (Token::Equal, 2),
            '=' => (Token::Equal, 1),
            _ => {
                let length = rest.find([' ', '\t', ',', '(', ')', '>', '<', '!', '=']).unwrap_or(rest.len());
                (Token::Word(&rest[..length]), length)
            }
        };
        tokens.push(token);
        rest = &rest[length..];
    }
}

struct Reader<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    next: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.next).copied()
    }

    fn next_is(&mut self, token: Token<'_>) -> bool {
        let is = self.peek() == Some(token);
        self.next += usize::from(is);
        is
    }

    fn wrong(&self, expected: &str) -> Error {
        Error::invalid(format!("label selector {:?}: expected {expected}", self.text))
    }

    fn word(&mut self, expected: &str) -> Result<&'a str> {
        let Some(Token::Word(word)) = self.peek() else { return Err(self.wrong(expected)) };
        self.next += 1;
        Ok(word)
    }

    fn requirement(&mut self) -> Result<Requirement> {
        let absent = self.next_is(Token::Not);
        let key = self.word("the key of a label")?.to_owned();
        let operator = if absent { None } else { self.peek() };
        let requirement = match operator {
            _ if absent => Requirement::Absent(key),
            Some(Token::Equal) => Requirement::In(key, self.one_value()),
            Some(Token::NotEqual) => Requirement::NotIn(key, self.one_value()),
            Some(Token::Above) => Requirement::Above(key, self.number()?),
            Some(Token::Below) => Requirement::Below(key, self.number()?),
            Some(Token::Word("in")) => Requirement::In(key, self.values()?),
            Some(Token::Word("notin")) => Requirement::NotIn(key, self.values()?),
            _ => Requirement::Exists(key),
        };
        requirement.check().map_err(|error| error.context(format!("label selector {:?}", self.text)))?;
        Ok(requirement)
    }

    /// After the operator; none is the value that is empty.
    fn one_value(&mut self) -> BTreeSet<String> {
        self.next += 1;
        BTreeSet::from([self.word("").unwrap_or_default().to_owned()])
    }

    fn number(&mut self) -> Result<i64> {
        self.next += 1;
        let expected = "a whole number after > or <";
        self.word(expected)?.parse().map_err(|_| self.wrong(expected))
    }

    fn values(&mut self) -> Result<BTreeSet<String>> {
        self.next += 1;
        if !self.next_is(Token::Open) {
            return Err(self.wrong("a list of values in parentheses"));
        }
        let mut values = BTreeSet::new();
        loop {
            values.insert(self.word("").unwrap_or_default().to_owned());
            if self.next_is(Token::Close) {
                return Ok(values);
            }
            if !self.next_is(Token::Comma) {
                return Err(self.wrong("a comma between two values, or the end of the list"));
            }
        }
    }
}
