// Laws that hold on every page. Returns what breaks them, as sentences; nothing to say is an empty list.
const found = [];
const where = (element) => element.outerHTML.slice(0, 160).replace(/\s+/g, " ");
const none = (selector, law, unless = () => false) => {
  for (const element of document.querySelectorAll(selector)) if (!unless(element)) found.push(`${law}: ${where(element)}`);
};

const headings = document.querySelectorAll("h1").length;
if (headings !== 1) found.push(`one h1, not ${headings}`);
if (!document.title.trim()) found.push("a title");
if (document.documentElement.lang !== arguments[0]) found.push(`lang ${arguments[0]}, not ${document.documentElement.lang}`);
if (document.querySelectorAll("main").length !== 1) found.push("one main");

none("[style], style", "no style in the page");
none("script", "no script in the page", (script) => script.src && !script.textContent);
for (const element of document.querySelectorAll("*"))
  for (const attribute of element.attributes)
    if (attribute.name.startsWith("on")) found.push(`no script in attributes: ${where(element)}`);
none("a[href^='javascript:'], [src^='http:'], link[href^='http:']", "nothing from elsewhere");

const named = (field) => field.labels?.length > 0 || field.getAttribute("aria-label") || field.getAttribute("aria-labelledby");
none("input:not([type=hidden]), select, textarea", "every field has a label", named);
none("a[href], button, summary", "whatever is pressed has words", (it) => it.textContent.trim() || it.getAttribute("aria-label"));
none("form[method=post]", "a form that changes something carries a token", (form) => form.querySelector("[name=csrf]")?.value);
none("[aria-describedby]", "a description is there", (it) => it.getAttribute("aria-describedby").trim().split(/\s+/).every((id) => document.getElementById(id)));
none("table", "a table says what it is", (table) => table.caption || table.classList.contains("seal"));
for (const it of document.querySelectorAll(".scroll"))
  if (it.scrollWidth > it.clientWidth) {
    const longest = it.textContent.split(/\s+/).sort((one, other) => other.length - one.length)[0];
    found.push(`a table fits the desk: ${it.scrollWidth} > ${it.clientWidth}, longest word ${longest}: ${where(it)}`);
  }

const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) found.push(`id ${id} once`);
const text = document.body.innerText;
// A digest or a key may hold any letters.
const words = text.replace(/[\w+/=-]{20,}/g, "");
const leaks = ["undefined", "[object Object]", "{{", "Some(", "None)"].filter((leak) => text.includes(leak));
for (const leak of words.includes("NaN") ? [...leaks, "NaN"] : leaks) found.push(`no ${leak} in the text`);
// The contract's own words are Japanese on every page, and say so; what people typed is in no known language.
if (arguments[0] !== "ja") {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { data, parentElement } = walker.currentNode;
    if (/[ぁ-ん]{2}/.test(data) && parentElement.closest("[lang]").lang !== "ja") found.push(`remark: Japanese that does not say so: ${data.slice(0, 60)}`);
  }
}
return found;
