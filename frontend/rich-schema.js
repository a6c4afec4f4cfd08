// What may stand in an article, as knowledge/sanitise.py lets it through: a text that comes from an import keeps
// its tables and definition lists when somebody corrects a word in it.
import { Schema } from "prosemirror-model";
import { tableNodes } from "prosemirror-tables";

const block = (tag, content, more = {}) => ({ content, group: "block", parseDOM: [{ tag }], toDOM: () => [tag, 0], ...more });
const mark = (tag, also = []) => ({ parseDOM: [{ tag }, ...also.map((other) => ({ tag: other }))], toDOM: () => [tag, 0] });

const text = { group: "inline" };
const hard_break = { inline: true, group: "inline", selectable: false, parseDOM: [{ tag: "br" }], toDOM: () => ["br"] };

const marks = {
  link: {
    attrs: { href: {} }, inclusive: false,
    parseDOM: [{ tag: "a[href]", getAttrs: (dom) => ({ href: dom.getAttribute("href") }) }],
    toDOM: (node) => ["a", { href: node.attrs.href }, 0],
  },
  abbr: {
    attrs: { title: { default: "" } },
    parseDOM: [{ tag: "abbr", getAttrs: (dom) => ({ title: dom.getAttribute("title") ?? "" }) }],
    toDOM: (node) => ["abbr", { title: node.attrs.title }, 0],
  },
  strong: mark("strong", ["b"]),
  em: mark("em", ["i"]),
  sub: { ...mark("sub"), excludes: "sup" },
  sup: { ...mark("sup"), excludes: "sub" },
};

export const richSchema = new Schema({
  nodes: {
    doc: { content: "block+" },
    paragraph: block("p", "inline*"),
    heading: {
      content: "inline*", group: "block", defining: true, attrs: { level: { default: 3 } },
      parseDOM: [{ tag: "h3", attrs: { level: 3 } }, { tag: "h4", attrs: { level: 4 } }],
      toDOM: (node) => [`h${node.attrs.level}`, 0],
    },
    bullet_list: block("ul", "list_item+"),
    ordered_list: block("ol", "list_item+"),
    list_item: { content: "paragraph block*", defining: true, parseDOM: [{ tag: "li" }], toDOM: () => ["li", 0] },
    blockquote: block("blockquote", "block+", { defining: true }),
    definition_list: block("dl", "(definition_term | definition)+"),
    definition_term: { content: "inline*", parseDOM: [{ tag: "dt" }], toDOM: () => ["dt", 0] },
    definition: { content: "block+", parseDOM: [{ tag: "dd" }], toDOM: () => ["dd", 0] },
    ...tableNodes({ tableGroup: "block", cellContent: "block+", cellAttributes: {} }),
    hard_break,
    text,
  },
  marks,
});

// One line: an entry of a list of documents or steps.
export const lineSchema = new Schema({ nodes: { doc: { content: "inline*" }, hard_break, text }, marks });
