// What comes out of Word, Outlook or a web page, as the few tags an article knows. A pure function: HTML in, HTML out.
// Word writes lists as paragraphs whose style says "mso-list:l0 level1" and whose first span is the bullet.

const UNWANTED = "script, style, meta, link, title, xml, o\\:p, iframe, object, embed, svg, math, img, input, button, select, textarea";

export function cleanPasted(html) {
  // Renamed before parsing: style attributes are read here as text and never applied.
  const text = html
    .replace(/<!--\[if !supportLists\]-->|<!--\[endif\]-->|<!\[if[^\]]*\]>|<!\[endif\]>/gi, "")
    .replace(/<!--[\s\S]*?-->/g, "")
    .replace(/<(style|xml|script)\b[\s\S]*?<\/\1\s*>/gi, "")
    .replace(/<[a-z][^>]*>/gi, (tag) => tag.replace(/\sstyle\s*=/gi, " data-style=").replace(/\son\w+\s*=/gi, " data-on="));
  const body = new DOMParser().parseFromString(text, "text/html").body;
  for (const element of body.querySelectorAll(UNWANTED)) {
    if (element.localName === "o:p" && element.textContent.trim()) element.replaceWith(...element.childNodes);
    else element.remove();
  }
  emphasise(body);
  makeLists(body);
  for (const element of [...body.querySelectorAll("*")]) {
    if (/^h[1-6]$/.test(element.localName)) rename(element, /[12]/.test(element.localName) ? "h3" : "h4");
    if (element.matches("p.MsoTitle, p.MsoHeading1, p.MsoHeading2")) rename(element, "h3");
  }
  for (const element of [...body.querySelectorAll("span, font, div, b, u")]) {
    if (element.localName === "div" && ![...element.children].some((child) => /^(p|div|ul|ol|table|h\d)$/.test(child.localName))) rename(element, "p");
    else if (element.localName !== "b") element.replaceWith(...element.childNodes);
  }
  for (const element of body.querySelectorAll("*")) {
    for (const { name } of [...element.attributes]) {
      const kept = (element.localName === "a" && name === "href") || /^(col|row)span$/.test(name);
      if (!kept) element.removeAttribute(name);
    }
    // Bookmarks and jumps within the document lead nowhere here.
    if (element.localName === "a" && !/^(https?:|mailto:|tel:)/i.test(element.getAttribute("href") ?? "")) element.replaceWith(...element.childNodes);
  }
  for (const paragraph of body.querySelectorAll("p, li, h3, h4")) {
    if (!paragraph.textContent.replace(/[\u00a0\u00ad\u200b]/g, " ").trim()) paragraph.remove();
  }
  return body.innerHTML.replace(/\u00ad|\u200b/g, "").replace(/&nbsp;|\u00a0/g, " ");
}

const styleOf = (element) => element.dataset?.style ?? "";

// Word and Google write emphasis as a style, and Google wraps everything in a <b> that is not bold.
function emphasise(body) {
  for (const element of [...body.querySelectorAll("[data-style]")]) {
    const style = styleOf(element);
    if (element.localName === "b" && /(?<!-)font-weight:\s*(normal|400)/.test(style)) element.replaceWith(...element.childNodes);
    else if (element.localName === "span") {
      if (/(?<!-)font-weight:\s*(bold|[6-9]00)/.test(style)) wrap(element, "strong");
      if (/(?<!-)font-style:\s*italic/.test(style)) wrap(element, "em");
    }
  }
}

function makeLists(body) {
  let lists = []; // the open lists by level
  for (const element of [...body.querySelectorAll("p, h1, h2, h3, h4, table, ul, ol")]) {
    const level = /mso-list:\s*l\d+\s+level(\d+)/i.exec(styleOf(element))?.[1]
      ?? (/^MsoListParagraph/.test(element.className) && element.querySelector('[data-style*="mso-list"]') ? 1 : null);
    const follows = lists.length && element.previousElementSibling === lists[0];
    if (!level) { lists = []; continue; }
    const marker = [...element.querySelectorAll("[data-style]")].find((child) => /mso-list:\s*Ignore/i.test(styleOf(child)));
    const sign = marker?.textContent.trim() ?? "";
    marker?.remove();
    const kind = /^\(?(\d+|[a-z]|[ivx]+)[.)]/i.test(sign) ? "ol" : "ul";
    if (!follows) lists = [];
    const depth = Math.min(Number(level), lists.length + 1);
    lists.length = Math.min(lists.length, depth);
    if (lists.length < depth) {
      const list = element.ownerDocument.createElement(kind);
      const place = lists.length ? lists.at(-1).lastElementChild : null;
      if (place) place.append(list); else element.before(list);
      lists.push(list);
    }
    const item = element.ownerDocument.createElement("li");
    item.append(...element.childNodes);
    lists.at(-1).append(item);
    element.remove();
  }
}

function rename(element, name) {
  const renamed = element.ownerDocument.createElement(name);
  renamed.append(...element.childNodes);
  element.replaceWith(renamed);
}

function wrap(element, name) {
  const inner = element.ownerDocument.createElement(name);
  inner.append(...element.childNodes);
  element.append(inner);
}
