// What is typed is kept until it is known to be recorded: in this tab, for this session, and sent again under the same key.
"use strict";
(() => {
  const WAITS = [1, 2, 4, 8, 15, 30]; // seconds between tries, then a person decides

  function begin(form) {
    const name = `draft:${form.dataset.draft}`;
    const said = form.querySelector("[data-sending]");
    const buttons = form.querySelectorAll("button[type=submit]");
    const hold = (held) => buttons.forEach((button) => { button.disabled = held; });

    const fields = () => [...form.elements].filter((field) => field.name && field.name !== "csrf" && field.type !== "submit");
    const keep = () => sessionStorage.setItem(name, JSON.stringify(
      fields().map((field) => [field.name, /checkbox|radio/.test(field.type) ? `${field.value}=${field.checked}` : field.value]),
    ));
    const forget = () => sessionStorage.removeItem(name);

    function restore() {
      const kept = JSON.parse(sessionStorage.getItem(name) || "null");
      if (!kept) return;
      const waiting = kept.slice();
      for (const field of fields()) {
        const at = waiting.findIndex(([of, value]) => of === field.name
          && (!/checkbox|radio/.test(field.type) || value.startsWith(`${field.value}=`)));
        if (at < 0) continue;
        const [[, value]] = waiting.splice(at, 1);
        if (/checkbox|radio/.test(field.type)) field.checked = value.endsWith("=true");
        else field.value = value;
        if (value && field.type !== "hidden") field.closest("details")?.setAttribute("open", "");
      }
      said.textContent = "Восстановлено то, что вы вводили раньше.";
    }

    async function send(body, tries = 0) {
      hold(true);
      said.textContent = body.has("check") ? "Проверяется…" : "Записывается…";
      let answer;
      try {
        answer = await fetch(form.action, {
          method: "POST", body, headers: { Accept: "text/html" },
        });
      } catch {
        answer = null;
      }
      if (answer?.redirected && !new URL(answer.url).pathname.startsWith("/login")) {
        forget(); // it is recorded, however the page that it leads to fares
        location.assign(answer.url);
        return;
      }
      if (answer === null || answer.status === 503) {
        if (tries < WAITS.length) {
          said.textContent = `Нет связи. Введённое сохранено, повторим через ${WAITS[tries]} с.`;
          setTimeout(send, WAITS[tries] * 1000, body, tries + 1);
        } else {
          said.textContent = "Нет связи. Введённое сохранено: проверьте сеть и отправьте ещё раз, дважды не запишется.";
          hold(false);
        }
        return;
      }
      if (answer.status === 401 || answer.redirected) {
        said.textContent = "Вход закончился. Введённое сохранено: войдите в новой вкладке и отправьте ещё раз.";
        hold(false);
        return;
      }
      const told = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.getElementById("main").replaceWith(document.adoptNode(told.getElementById("main")));
      for (const next of document.querySelectorAll("form[data-draft]")) begin(next);
      (document.getElementById("wrong") || document.getElementById("looked"))?.focus();
    }

    form.addEventListener("input", keep);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      keep();
      if (!buttons[0].disabled) send(new URLSearchParams(new FormData(form, event.submitter)));
    });
    if (form.hasAttribute("data-answered")) keep(); // with the key that it has now
    else restore();
  }

  for (const form of document.querySelectorAll("form[data-draft]")) begin(form);
})();
