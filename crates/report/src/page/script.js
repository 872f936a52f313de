"use strict";
{
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const asked = new URLSearchParams(location.search);
  const values = { lang: ["en", "ja"], theme: ["light", "dark"] };

  const now = {
    lang: () => root.lang,
    theme: () => root.dataset.theme ?? (dark.matches ? "dark" : "light"),
  };
  const set = {
    lang: (value) => {
      root.lang = value;
      document.title = value === "ja" ? root.dataset.titleJa : root.dataset.titleEn;
    },
    theme: (value) => { root.dataset.theme = value; },
  };

  const buttons = [...document.querySelectorAll("button[data-switch]")];
  const show = () => {
    for (const button of buttons) {
      const { switch: which, value } = button.dataset;
      button.setAttribute("aria-pressed", String(now[which]() === value));
    }
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      set[button.dataset.switch](button.dataset.value);
      show();
    });
  }

  // `?lang=ja&theme=dark` in the address, else the reader's own language and colours.
  const reads = navigator.language.startsWith("ja") ? "ja" : "en";
  set.lang(values.lang.includes(asked.get("lang")) ? asked.get("lang") : reads);
  if (values.theme.includes(asked.get("theme"))) set.theme(asked.get("theme"));
  dark.addEventListener("change", show);
  document.querySelector(".switches").hidden = false;
  show();
}
