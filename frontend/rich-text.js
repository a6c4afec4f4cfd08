// Rich text for people who are not technicians, on top of ProseMirror. Bundled at set-up (npm run build); the page
// works without it, on the plain fields that it stands in front of.
//
// A field is written back only when somebody changed something, so that opening an article never counts as an edit.
import { baseKeymap, chainCommands, exitCode, setBlockType, toggleMark } from "prosemirror-commands";
import { history, redo, undo } from "prosemirror-history";
import { inputRules, wrappingInputRule } from "prosemirror-inputrules";
import { keymap } from "prosemirror-keymap";
import { DOMParser as Reader, DOMSerializer as Writer } from "prosemirror-model";
import { liftListItem, sinkListItem, splitListItem, wrapInList } from "prosemirror-schema-list";
import { EditorState, Plugin, TextSelection } from "prosemirror-state";
import { tableEditing } from "prosemirror-tables";
import { EditorView } from "prosemirror-view";
import { lineSchema, richSchema } from "./rich-schema.js";
import { cleanPasted } from "./word-paste.js";

let count = 0;

/** Put an editor in front of a textarea (rich) or an input (one line). Returns the view; the field keeps its name. */
export function mount(field, { tools, label, onChange, onEnter, onPasteLines }) {
  const isLine = field.localName === "input";
  const schema = isLine ? lineSchema : richSchema;
  const frame = document.createElement("div");
  frame.className = isLine ? "rich rich-line" : "rich";
  const bar = toolbar(tools, isLine);
  const link = linkRow(tools);
  const id = `rich-${(count += 1)}`;

  const read = () => Reader.fromSchema(schema).parse(parsed(field.value), { preserveWhitespace: false });
  const openLink = () => { link.open(view); return true; };
  const view = new EditorView({ mount: Object.assign(document.createElement("div"), { id }) }, {
    state: EditorState.create({ doc: read(), plugins: plugins(schema, { isLine, openLink, onEnter }) }),
    attributes: {
      role: "textbox", "aria-multiline": String(!isLine), "aria-label": label, class: "rich-text", spellcheck: "true",
      "aria-keyshortcuts": "Control+B Control+I Control+K",
    },
    transformPastedHTML: cleanPasted,
    handlePaste: (_view, event) => isLine && pasteLines(event, onPasteLines),
    dispatchTransaction(transaction) {
      view.updateState(view.state.apply(transaction));
      bar?.update(view.state);
      if (!transaction.docChanged) return;
      field.value = written(view.state.doc, schema);
      onChange?.();
    },
  });
  bar?.connect(view, id, openLink);
  link.connect(schema);
  if (isLine) {
    const button = link.button();
    button.addEventListener("click", openLink);
    frame.append(view.dom, button, link.row);
  } else frame.append(bar.element, link.row, view.dom);
  field.hidden = true;
  field.after(frame);
  field.addEventListener("refill", () => {
    const whole = view.state.tr.replaceWith(0, view.state.doc.content.size, read().content);
    view.dispatch(whole.setMeta("addToHistory", false));
  });
  return view;
}

function parsed(html) {
  // Inert: nothing in it loads or runs. The service cleans what is stored; this is for reading it into the editor.
  const body = new DOMParser().parseFromString(html, "text/html").body;
  return body;
}

function written(doc, schema) {
  if (!doc.textContent.trim()) return "";
  const holder = document.createElement("div");
  holder.append(Writer.fromSchema(schema).serializeFragment(doc.content));
  // A list entry of one paragraph is stored without it, as people write HTML.
  for (const item of holder.querySelectorAll("li, td, th, dd")) {
    const first = item.firstElementChild;
    if (first?.localName === "p" && !item.querySelector(":scope > p:nth-of-type(2)")) first.replaceWith(...first.childNodes);
  }
  return holder.innerHTML;
}

function plugins(schema, { isLine, openLink, onEnter }) {
  const { strong, em } = schema.marks;
  const newLine = (state, dispatch) => { dispatch?.(state.tr.replaceSelectionWith(schema.nodes.hard_break.create()).scrollIntoView()); return true; };
  const keys = {
    "Mod-b": toggleMark(strong), "Mod-i": toggleMark(em), "Mod-k": openLink,
    "Mod-z": undo, "Mod-y": redo, "Shift-Mod-z": redo,
    "Shift-Enter": chainCommands(exitCode, newLine),
  };
  if (isLine) return [keymap({ ...keys, Enter: () => { onEnter?.(); return true; } }), keymap(baseKeymap), history()];
  const { list_item, bullet_list, ordered_list } = schema.nodes;
  return [
    inputRules({ rules: [wrappingInputRule(/^\s*[-*]\s$/, bullet_list), wrappingInputRule(/^1[.)]\s$/, ordered_list)] }),
    // Tab leaves the field, as everywhere; lists are indented as in Word.
    keymap({ ...keys, Enter: splitListItem(list_item), "Alt-Shift-ArrowRight": sinkListItem(list_item), "Alt-Shift-ArrowLeft": liftListItem(list_item) }),
    keymap(baseKeymap), tableEditing(), history(), followLinks,
  ];
}

// A link in the text is edited, not followed; with the key held, it opens.
const followLinks = new Plugin({ props: { handleClick: (_view, _at, event) => {
  const target = event.target.closest?.("a[href]");
  if (target && (event.ctrlKey || event.metaKey)) { window.open(target.href, "_blank", "noopener"); return true; }
  return false;
} } });

// Several lines pasted into one entry become several entries.
function pasteLines(event, onPasteLines) {
  const html = event.clipboardData.getData("text/html");
  let lines = [];
  if (html) {
    const body = parsed(cleanPasted(html));
    const blocks = [...body.querySelectorAll("li, p, h3, h4, tr")].filter((element) => !element.querySelector("li, p"));
    lines = blocks.map((element) => element.innerHTML.trim()).filter(Boolean);
  } else {
    const escape = (line) => Object.assign(document.createElement("i"), { textContent: line }).innerHTML;
    lines = event.clipboardData.getData("text/plain").split(/\r?\n/).map((line) => line.replace(/^\s*(?:[-*•·–]|\d+[.)])\s+/, "").trim()).filter(Boolean).map(escape);
  }
  if (lines.length < 2 || !onPasteLines) return false;
  onPasteLines(lines);
  return true;
}

// --- the toolbar: one stop for Tab, arrow keys within (ARIA toolbar pattern)
function toolbar(tools, isLine) {
  if (isLine) return null;
  const element = tools.content.querySelector("[role=toolbar]").cloneNode(true);
  const buttons = [...element.querySelectorAll("button")];
  let view = null;
  const commands = (schema, openLink) => ({
    bold: [toggleMark(schema.marks.strong), (state) => hasMark(state, schema.marks.strong)],
    italic: [toggleMark(schema.marks.em), (state) => hasMark(state, schema.marks.em)],
    heading: [toggleBlock(schema.nodes.heading, schema.nodes.paragraph), (state) => state.selection.$from.parent.type === schema.nodes.heading],
    bullets: [toggleList(schema.nodes.bullet_list, schema.nodes.list_item), (state) => inside(state, schema.nodes.bullet_list)],
    numbers: [toggleList(schema.nodes.ordered_list, schema.nodes.list_item), (state) => inside(state, schema.nodes.ordered_list)],
    link: [openLink, (state) => hasMark(state, schema.marks.link)],
    undo: [undo, null],
  });
  let actions = {};
  const update = (state) => {
    for (const button of buttons) {
      const active = actions[button.value]?.[1];
      if (active) button.setAttribute("aria-pressed", String(active(state)));
    }
  };
  const stop = (index) => buttons.forEach((button, at) => { button.tabIndex = at === index ? 0 : -1; });
  stop(0);
  element.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(document.activeElement);
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const index = (next + buttons.length) % buttons.length;
    stop(index);
    buttons[index].focus();
  });
  element.addEventListener("mousedown", (event) => event.preventDefault()); // the selection stays
  element.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    stop(buttons.indexOf(button));
    actions[button.value][0](view.state, view.dispatch, view);
    if (button.value !== "link") view.focus();
  });
  return {
    element, update,
    connect(connected, id, openLink) {
      view = connected;
      actions = commands(view.state.schema, openLink);
      element.setAttribute("aria-controls", id);
      update(view.state);
    },
  };
}

// --- the address of a link: a row in the page, no window
function linkRow(tools) {
  const row = tools.content.querySelector(".rich-link").cloneNode(true);
  const input = row.querySelector("input");
  let view = null, type = null;
  const close = () => { row.hidden = true; view.focus(); };
  const apply = () => {
    let href = input.value.trim();
    if (/^[^\s@:/]+@[^\s@]+\.\w+$/.test(href)) href = `mailto:${href}`;
    else if (href && !/^(https?:|mailto:|tel:)/i.test(href)) href = `https://${href}`;
    const { from, to, empty } = view.state.selection;
    let change = view.state.tr.removeMark(from, to, type);
    if (href && empty) change = change.replaceSelectionWith(view.state.schema.text(href.replace(/^(mailto:|https?:\/\/)/, ""), [type.create({ href })]), false);
    else if (href) change = change.addMark(from, to, type.create({ href }));
    view.dispatch(change);
    close();
  };
  row.addEventListener("keydown", (event) => {
    if (event.key === "Enter") { event.preventDefault(); apply(); }
    if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); close(); }
  });
  row.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.value === "remove") input.value = "";
    apply();
  });
  return {
    row,
    connect(schema) { type = schema.marks.link; },
    button: () => tools.content.querySelector(".rich-line-link").cloneNode(true),
    open(connected) {
      view = connected;
      const around = extent(view.state, type);
      if (around) view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, around.from, around.to)));
      input.value = around?.href ?? "";
      row.hidden = false;
      input.focus();
    },
  };
}

// The whole link around the cursor, so that changing its address changes all of it.
function extent(state, type) {
  const { $from, empty, from, to } = state.selection;
  if (!empty) {
    let href = null;
    state.doc.nodesBetween(from, to, (node) => { href ??= type.isInSet(node.marks)?.attrs.href ?? null; });
    return href === null ? null : { from, to, href };
  }
  // Right before and right behind it counts too: whoever presses End and asks for the link means this one.
  const found = type.isInSet($from.marks()) ?? type.isInSet($from.nodeAfter?.marks ?? []) ?? type.isInSet($from.nodeBefore?.marks ?? []);
  if (!found) return null;
  let start = $from.start(), first = null, last = null;
  $from.parent.forEach((node, offset) => {
    const at = start + offset;
    if (!found.isInSet(node.marks)) return;
    if (first === null || at > last) first = last === at ? first : at;
    last = at + node.nodeSize;
  });
  return first === null ? null : { from: first, to: last, href: found.attrs.href };
}

function hasMark(state, type) {
  const { from, to, empty, $from } = state.selection;
  return empty ? Boolean(type.isInSet(state.storedMarks ?? $from.marks())) : state.doc.rangeHasMark(from, to, type);
}

function inside(state, type) {
  const { $from } = state.selection;
  for (let depth = $from.depth; depth > 0; depth -= 1) if ($from.node(depth).type === type) return true;
  return false;
}

const toggleBlock = (on, off) => (state, dispatch) =>
  setBlockType(state.selection.$from.parent.type === on ? off : on)(state, dispatch);

const toggleList = (list, item) => (state, dispatch, view) => {
  if (inside(state, list)) return liftListItem(item)(state, dispatch, view);
  return wrapInList(list)(state, dispatch, view);
};
