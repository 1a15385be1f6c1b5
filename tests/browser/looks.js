/* What a pair of eyes would notice, and a screen reader. Returns sentences; an empty list is a good page. */
(() => {
  // A change of colours may take a moment; what turns for ever is stopped.
  document.getAnimations().forEach((each) => (each.effect.getComputedTiming().endTime === Infinity ? each.cancel() : each.finish()));
  const found = [];
  const root = document.documentElement;
  const all = [...document.body.querySelectorAll("*")];
  const shown = (element) => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
  const named = (element) => {
    const id = element.id ? `#${element.id}` : "";
    const words = (element.innerText || element.value || "").trim().replace(/\s+/g, " ").slice(0, 40);
    return `<${element.tagName.toLowerCase()}${id} class="${element.getAttribute("class") || ""}"> ${words}`;
  };
  const hidden = (element) => Boolean(element.closest(".visually-hidden, .visually-hidden-focusable, .skip-link, .skip, .skip-to-content-link"));
  const scrolls = (element) => ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
  const inScroller = (element) => {
    for (let each = element.parentElement; each && each !== document.body; each = each.parentElement) {
      if (scrolls(each)) return true;
    }
    return false;
  };

  // --- Layout ---
  if (root.scrollWidth > root.clientWidth) {
    found.push(`scrolls sideways: ${root.scrollWidth} of ${root.clientWidth} px`);
  }
  for (const element of all) {
    if (!shown(element) || hidden(element)) continue;
    const box = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    const words = (element.innerText || "").trim();
    if (box.width && box.height && (box.right > root.clientWidth + 1 || box.left < -1) && !inScroller(element)) {
      found.push(`sticks out (${Math.round(box.left)} to ${Math.round(box.right)}): ${named(element)}`);
    }
    const clips = ["hidden", "clip"];
    if (words && element.clientWidth > 1 && element.children.length === 0) {
      if (clips.includes(style.overflowX) && element.scrollWidth > element.clientWidth + 1) found.push(`text cut: ${named(element)}`);
      if (clips.includes(style.overflowY) && element.scrollHeight > element.clientHeight + 2) found.push(`text cut below: ${named(element)}`);
      if (style.display !== "inline" && style.overflowX === "visible" && element.scrollWidth > element.clientWidth + 1 && !inScroller(element)) {
        found.push(`text flows out of its box: ${named(element)}`);
      }
    }
    if (scrolls(element) && element.scrollWidth > element.clientWidth + 1 && element.tabIndex < 0 && !element.dataset.scrolls) {
      found.push(`scrolls inside: ${named(element)}`);
    }
  }

  // --- What a screen reader is told ---
  if (!root.lang) found.push("the page names no language");
  if (!document.title.trim()) found.push("the page has no title");
  const headings = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter(shown);
  if (headings.filter((each) => each.tagName === "H1").length !== 1) {
    found.push(`${headings.filter((each) => each.tagName === "H1").length} first headings`);
  }
  let last = 0;
  for (const heading of headings) {
    const level = Number(heading.tagName[1]);
    if (level > last + 1) found.push(`heading level ${level} after ${last}: ${named(heading)}`);
    last = level;
  }
  if (document.querySelectorAll("main").length !== 1) found.push("not exactly one main part");
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  for (const id of new Set(ids.filter((each, place) => ids.indexOf(each) !== place))) found.push(`id twice: ${id}`);
  const labelledBy = (element) => (element.getAttribute("aria-labelledby") || "").split(/\s+/).filter(Boolean);
  for (const element of document.querySelectorAll("[aria-labelledby], [aria-describedby]")) {
    for (const id of [...labelledBy(element), ...(element.getAttribute("aria-describedby") || "").split(/\s+/).filter(Boolean)]) {
      if (!document.getElementById(id)) found.push(`names #${id}, which is not there: ${named(element)}`);
    }
  }
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    const isButton = ["submit", "button", "reset", "image"].includes(field.type);
    const called = isButton ? field.value : [...(field.labels || [])].map((each) => each.textContent).join("").trim();
    if (shown(field) && !called && !field.ariaLabel && !labelledBy(field).length && !field.title) found.push(`field without a label: ${named(field)}`);
  }
  for (const element of document.querySelectorAll("a[href], button, summary")) {
    const called = element.textContent.trim() || element.ariaLabel || labelledBy(element).length || element.title
      || element.querySelector("img[alt]:not([alt='']), svg[aria-label]");
    if (shown(element) && !called) found.push(`nothing says what it does: ${named(element)} ${element.outerHTML.slice(0, 80)}`);
  }
  for (const image of document.images) if (!image.hasAttribute("alt")) found.push(`image without words: ${image.src}`);
  for (const list of document.querySelectorAll("ul, ol")) {
    for (const item of list.children) if (!["LI", "SCRIPT", "TEMPLATE"].includes(item.tagName)) found.push(`in a list, but no item: ${named(item)}`);
  }
  for (const row of document.querySelectorAll("table")) {
    if (shown(row) && !row.querySelector("th")) found.push(`table without headings: ${named(row)}`);
  }

  // --- Contrast (WCAG 2.2, 1.4.3) ---
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = (top, below) => [0, 1, 2].map((index) => top[index] * top[3] + below[index] * (1 - top[3])).concat(1);
  const luminance = (color) => {
    const [red, green, blue] = color.slice(0, 3).map((part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) {
      const style = getComputedStyle(each);
      if (style.backgroundImage !== "none") return null;
      const color = rgba(style.backgroundColor);
      layers.push(color);
      if (color[3] === 1) break;
    }
    const paper = matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18, 1] : [255, 255, 255, 1];
    return layers.reverse().reduce((below, layer) => over(layer, below), paper);
  };
  for (const element of all) {
    const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    if (!own || !shown(element) || hidden(element) || element.closest("[disabled], option, noscript, script, style, svg")) continue;
    const style = getComputedStyle(element);
    const paper = behind(element);
    if (!paper) continue;
    const [one, two] = [luminance(over(rgba(style.color), paper)), luminance(paper)].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (two + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5) - 0.01) found.push(`contrast ${ratio.toFixed(2)}: ${named(element)}`);
  }
  return found;
})();
