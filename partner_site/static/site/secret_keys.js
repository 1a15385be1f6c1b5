/* The page about retiring a secret key: a command to copy, and fields that no key gets into. */
(function () {
  "use strict";

  // A button that copies a text of the page; without a clipboard (no https) the text is selected, to be copied by hand.
  document.querySelectorAll("[data-copy]").forEach(function (button) {
    const text = document.getElementById(button.dataset.copy);
    const news = document.querySelector("[data-copied]");
    function select() {
      window.getSelection().selectAllChildren(text);
      news.textContent = "Selected. Copy it with your keyboard.";
    }
    button.hidden = false;
    button.addEventListener("click", function () {
      if (!navigator.clipboard) { select(); return; }
      navigator.clipboard.writeText(text.textContent).then(function () { news.textContent = "Copied."; }, select);
    });
  });

  // Nothing here is for keys: what looks like one leaves the field at once.
  document.addEventListener("input", function (event) {
    const field = event.target;
    if (!field.matches("[data-no-key]") || !/(^|[^a-z])(sk|rk|whsec|absec|ek)_|[a-z0-9]{40}/i.test(field.value)) return;
    field.value = "";
    field.form.querySelector("[data-no-key-news]").textContent = "That was a key or a part of one. It was dropped here and not sent.";
  });
  document.addEventListener("paste", function (event) {
    const pasted = event.target.matches && event.target.matches("[data-no-key]") ? event.clipboardData.getData("text") : "";
    if (!/(sk|rk|whsec|absec|ek)_|[a-z0-9]{40}/i.test(pasted)) return;
    event.preventDefault();
    event.target.form.querySelector("[data-no-key-news]").textContent = "That was a key or a part of one. It was dropped here and not sent.";
  });
})();
