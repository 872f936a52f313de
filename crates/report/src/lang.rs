//! The two languages of the report, and texts in both.

use maud::{Markup, Render, html};

/// A language.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lang {
    En,
    Ja,
}

impl Lang {
    pub(crate) const ALL: [Self; 2] = [Self::En, Self::Ja];

    /// `en` or `ja`, whichever is in this language.
    pub(crate) fn pick<T>(self, en: T, ja: T) -> T {
        match self {
            Self::En => en,
            Self::Ja => ja,
        }
    }
}

/// A text in both languages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Text {
    pub(crate) en: String,
    pub(crate) ja: String,
}

impl Text {
    pub(crate) fn new(en: impl Into<String>, ja: impl Into<String>) -> Self {
        let (en, ja) = (en.into(), ja.into());
        Self { en, ja }
    }

    /// A number, or a name that is the same in both languages.
    pub(crate) fn same(text: impl Into<String>) -> Self {
        let en = text.into();
        Self { ja: en.clone(), en }
    }

    /// The function's text in each language.
    pub(crate) fn said_by(say: impl Fn(Lang) -> String) -> Self {
        let [en, ja] = Lang::ALL.map(say);
        Self { en, ja }
    }

    pub(crate) fn get(&self, lang: Lang) -> &str {
        lang.pick(&self.en, &self.ja)
    }
}

/// Renders both languages. The page's style shows one of them.
impl Render for Text {
    fn render(&self) -> Markup {
        if self.en == self.ja {
            return html! { (self.en) };
        }
        html! { span.en lang="en" { (self.en) } span.ja lang="ja" { (self.ja) } }
    }
}

/// A text from two literals.
pub(crate) fn text(en: &str, ja: &str) -> Text {
    Text::new(en, ja)
}
