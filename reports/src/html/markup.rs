//! Elements and text, written so that whatever comes in is closed, quoted and escaped.

use std::fmt::Display;

use crate::foreign::xml;

/// Attributes of an element, in their order.
pub(super) type Attributes<'a> = &'a [(&'a str, &'a dyn Display)];

/// HTML while it is written. It is XML as well, so that any parser of XML reads it: every element
/// is closed.
#[derive(Default)]
pub(super) struct Markup(String);

impl Markup {
    /// The whole text.
    pub(super) fn finish(self) -> String {
        self.0
    }

    /// An element with what `content` writes into it.
    pub(super) fn element(
        &mut self,
        name: &str,
        attributes: Attributes<'_>,
        content: impl FnOnce(&mut Markup),
    ) {
        self.start(name, attributes);
        self.0.push('>');
        content(self);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
        if BLOCKS.contains(&name) {
            self.0.push('\n');
        }
    }

    /// An element that holds nothing but text.
    pub(super) fn leaf(&mut self, name: &str, attributes: Attributes<'_>, text: &str) {
        self.element(name, attributes, |out| out.text(text));
    }

    /// An element that holds nothing.
    pub(super) fn empty(&mut self, name: &str, attributes: Attributes<'_>) {
        self.start(name, attributes);
        self.0.push_str("/>");
    }

    fn start(&mut self, name: &str, attributes: Attributes<'_>) {
        self.0.push('<');
        self.0.push_str(name);
        for (attribute, value) in attributes {
            self.0.push(' ');
            self.0.push_str(attribute);
            self.0.push_str("=\"");
            self.text(&value.to_string());
            self.0.push('"');
        }
    }

    /// Text, shown as it is.
    pub(super) fn text(&mut self, text: &str) {
        self.0 += &xml(text);
    }

    /// Text of this program that is markup or style already.
    pub(super) fn verbatim(&mut self, text: &'static str) {
        self.0.push_str(text);
    }
}

/// Elements after which a line ends, so that a difference between two reports can be read.
const BLOCKS: [&str; 19] = [
    "p", "h1", "h2", "h3", "li", "ul", "tr", "table", "section", "header", "nav", "svg", "figure",
    "details", "title", "head", "pre", "g", "div",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_are_escaped() {
        let mut out = Markup::default();
        out.element("p", &[("title", &"a\"b<c>&\u{1b}")], |out| {
            out.text("<script>alert(\"1\")</script>\u{202e}");
            out.empty("br", &[]);
        });
        assert_eq!(
            out.finish(),
            "<p title=\"a&quot;b&lt;c&gt;&amp;\u{fffd}\">\
             &lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;\u{fffd}<br/></p>\n"
        );
    }
}
