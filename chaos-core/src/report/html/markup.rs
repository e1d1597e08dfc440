//! [`Markup`]: the only way text gets into the page, so that escaping and nesting are right in one place.
//!
//! What it writes is well-formed XML as well as HTML: a test parses it.

use std::fmt::{Display, Write};

use crate::report::form::words;

/// Attributes: a name and anything that prints.
pub(super) type Attributes<'a> = &'a [(&'a str, &'a dyn Display)];

#[derive(Debug, Default)]
pub(super) struct Markup {
    out: String,
}

impl Markup {
    /// An element around what `inner` writes.
    pub(super) fn element(&mut self, name: &str, attributes: Attributes<'_>, inner: impl FnOnce(&mut Self)) {
        self.open(name, attributes);
        self.out.push('>');
        inner(self);
        let _ = write!(self.out, "</{name}>");
    }

    /// An element that holds one text of ours.
    pub(super) fn leaf(&mut self, name: &str, attributes: Attributes<'_>, text: impl Display) {
        self.element(name, attributes, |inner| inner.text(text));
    }

    /// An element that holds one text from outside, isolated so that its direction does not spill over.
    pub(super) fn quoted(&mut self, name: &str, attributes: Attributes<'_>, text: &str) {
        self.element(name, attributes, |inner| inner.outside(text));
    }

    /// An element that never holds anything (HTML's void elements, SVG shapes).
    pub(super) fn void(&mut self, name: &str, attributes: Attributes<'_>) {
        self.open(name, attributes);
        self.out.push_str("/>");
    }

    pub(super) fn text(&mut self, text: impl Display) {
        escape(&mut self.out, &text.to_string());
    }

    /// Text from outside: a title, a target's name, an error.
    pub(super) fn outside(&mut self, text: &str) {
        self.leaf("bdi", &[], words::one_line(text));
    }

    /// Our own style sheet and document type.
    pub(super) fn verbatim(&mut self, text: &'static str) {
        self.out.push_str(text);
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    fn open(&mut self, name: &str, attributes: Attributes<'_>) {
        let _ = write!(self.out, "<{name}");
        for (name, value) in attributes {
            let _ = write!(self.out, " {name}=\"");
            escape(&mut self.out, &value.to_string());
            self.out.push('"');
        }
    }
}

/// Escapes for text and quoted attributes; characters that XML 1.0 (2.2) forbids become U+FFFD.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' => out.push(c),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_are_escaped() {
        let mut markup = Markup::default();
        markup.element("p", &[("title", &"\"'<&>")], |p| p.text("<script>\u{0}&amp;"));
        markup.void("br", &[]);
        assert_eq!(
            markup.finish(),
            "<p title=\"&quot;&#39;&lt;&amp;&gt;\">&lt;script&gt;\u{fffd}&amp;amp;</p><br/>"
        );
    }
}
