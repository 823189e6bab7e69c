// The slider over the log: while it moves htmx asks when that record came; let go, it is another view of the same page.
"use strict";
for (const frame of document.querySelectorAll(".moment-slide")) {
  frame.hidden = false;
  const slider = frame.querySelector("input");
  slider.addEventListener("change", () => {
    const now = slider.value === slider.max;
    location.assign(now ? slider.dataset.now : slider.dataset.slide.replace("POSITION", slider.value));
  });
  // A page that comes back from history must not show a slider that was moved.
  addEventListener("pageshow", () => { slider.value = slider.defaultValue; });
}
// On a telephone the list comes first: what it may be narrowed by is folded while nothing is asked.
if (matchMedia("(max-width: 46rem)").matches) for (const fold of document.querySelectorAll("[data-fold]")) fold.open = false;
// Whoever signs in begins with no drafts of anybody.
if (document.querySelector("[data-entrance]")) sessionStorage.clear();
