/* The pages about Stripe keys: what was pasted does not stay in the page, and a lost session ends the polling. */
(function () {
  "use strict";

  function forget() {
    document.querySelectorAll("[data-forget]").forEach(function (field) { field.value = ""; });
  }
  // "pagehide" comes after the form was sent; a page that the browser kept and shows again must be empty too.
  window.addEventListener("pagehide", forget);
  window.addEventListener("pageshow", function (event) { if (event.persisted) forget(); });

  // An answer from another address is the sign-in page: show it as a page, not inside this one.
  document.addEventListener("htmx:beforeSwap", function (event) {
    const came = event.detail.xhr.responseURL && new URL(event.detail.xhr.responseURL).pathname;
    const asked = new URL(event.detail.pathInfo.requestPath, window.location.href).pathname;
    if (came && came !== asked) {
      event.detail.shouldSwap = false;
      window.location.reload();
    }
  });
})();
