// The page's own script: the stream of a room, the composer, buttons. Without it
// the forms still work; the room is then only as fresh as its last load.
(() => {
  "use strict";
  const local = (root) => {
    for (const t of root.querySelectorAll("time[datetime]")) {
      const d = new Date(t.dateTime);
      if (Number.isNaN(d.getTime())) continue;
      t.title = d.toLocaleString();
      if (/^\d\d:\d\d$/.test(t.textContent)) {
        t.textContent = d.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
      }
    }
  };
  local(document);

  const main = document.querySelector("main.room");
  if (!main) return;
  const room = encodeURIComponent(main.dataset.room);
  const entries = document.getElementById("entries");
  const link = document.getElementById("link");
  const composer = document.getElementById("composer");
  const text = document.getElementById("text");
  const problem = document.getElementById("problem");

  // ---- showing entries
  const atEnd = () => window.innerHeight + window.scrollY >= document.body.scrollHeight - 160;
  const toEnd = () => window.scrollTo({ top: document.body.scrollHeight });

  const threadOf = (id, sent) => {
    let li = document.getElementById("t-" + id);
    if (li) return li;
    li = document.createElement("li");
    li.className = "thread";
    li.id = "t-" + id;
    li.dataset.sent = sent;
    const replies = document.createElement("ol");
    replies.className = "replies";
    replies.setAttribute("aria-label", "Answers");
    li.append(replies);
    entries.append(li);
    return li;
  };

  const show = (html) => {
    const box = document.createElement("template");
    box.innerHTML = html;
    const fresh = box.content.querySelector("article");
    if (!fresh) return;
    local(fresh);
    const stick = atEnd();
    const old = document.getElementById(fresh.id);
    if (old) {
      const focused = old.contains(document.activeElement) && document.activeElement.dataset.action;
      old.replaceWith(fresh);
      if (focused) fresh.querySelector(`[data-action="${CSS.escape(focused)}"]`)?.focus();
    } else if (fresh.dataset.thread && "m-" + fresh.dataset.thread !== fresh.id) {
      const li = document.createElement("li");
      li.append(fresh);
      const replies = threadOf(fresh.dataset.thread, fresh.dataset.sent).querySelector(".replies");
      const form = replies.querySelector("li.answering");
      replies.insertBefore(li, form);
    } else {
      threadOf(fresh.id.slice(2), fresh.dataset.sent).prepend(fresh);
    }
    document.getElementById("empty").hidden = true;
    if (stick) toEnd();
  };

  // ---- the stream: the browser reconnects by itself with the last id it has seen
  let source;
  let last = main.dataset.after;
  const connect = () => {
    source = new EventSource(`/rooms/${room}/events?after=${last}`);
    source.addEventListener("open", () => { link.hidden = true; });
    source.addEventListener("entry", (e) => { last = e.lastEventId || last; show(e.data); });
    source.addEventListener("error", () => {
      link.hidden = false;
      if (source.readyState === EventSource.CLOSED) {
        // Refused outright (the server was away, or the session ended).
        setTimeout(async () => {
          try {
            const r = await fetch(`/rooms/${room}`, { redirect: "manual", method: "HEAD" });
            if (r.type === "opaqueredirect") { location.href = "/login"; return; }
          } catch { /* still away */ }
          connect();
        }, 1000);
      }
    });
  };
  connect();
  window.addEventListener("pagehide", () => source.close());

  // ---- saying things
  const said = JSON.parse(sessionStorage.getItem("said") || "[]");
  let back = said.length;
  const id = () => crypto.randomUUID?.() || Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");
  const complain = (message) => { problem.textContent = message; problem.hidden = !message; };

  const post = async (path, fields) => {
    const r = await fetch(`/rooms/${room}/${path}`, { method: "POST", headers: { "HX-Request": "true" }, body: new URLSearchParams({ id: id(), ...fields }) });
    if (r.status === 401) { location.href = "/login"; return false; }
    if (!r.ok) { complain((await r.text()) || "That did not arrive; try again."); return false; }
    complain("");
    const next = r.headers.get("HX-Redirect"); // a form to fill in
    if (next && next.startsWith("/")) location.assign(next);
    return true;
  };
  const say = async (line, thread) => {
    try {
      if (!(await post("say", { text: line, thread: thread || "" }))) return false;
    } catch {
      complain("OpsBot can't be reached; what you typed is still here.");
      return false;
    }
    said.push(line);
    back = said.length;
    sessionStorage.setItem("said", JSON.stringify(said.slice(-50)));
    return true;
  };

  const grow = (area) => { area.style.height = "auto"; area.style.height = Math.min(area.scrollHeight, 200) + "px"; };
  const wire = (form, area, thread) => {
    const send = async () => {
      const line = area.value.trim();
      if (!line) return;
      area.disabled = true;
      if (await say(line, thread)) area.value = "";
      area.disabled = false;
      grow(area);
      area.focus();
      if (!thread) toEnd();
    };
    form.addEventListener("submit", (e) => { e.preventDefault(); e.stopImmediatePropagation(); send(); }, true);
    area.addEventListener("input", () => grow(area));
    area.addEventListener("keydown", (e) => {
      if (e.key === "Enter" && !e.shiftKey && !e.isComposing) { e.preventDefault(); send(); }
      if (e.key === "ArrowUp" && (area.value === "" || area.value === said[back]) && back > 0) { e.preventDefault(); area.value = said[--back]; }
      if (e.key === "ArrowDown" && area.value === said[back]) { e.preventDefault(); area.value = said[++back] || ""; }
      if (e.key === "Escape" && thread) { form.closest("li").remove(); text.focus(); }
    });
  };
  wire(composer, text, "");

  // ---- buttons, answers, suggestions
  document.addEventListener("click", async (e) => {
    const button = e.target.closest("button");
    if (!button) return;
    if (button.dataset.action) {
      const group = button.closest(".buttons").querySelectorAll("button");
      for (const b of group) b.disabled = true;
      button.setAttribute("aria-busy", "true");
      const article = button.closest("article");
      const thread = article.dataset.thread || article.id.slice(2);
      try { await post("press", { action: button.dataset.action, thread }); } catch { complain("OpsBot can't be reached; try again."); }
      setTimeout(() => { for (const b of group) b.disabled = false; button.removeAttribute("aria-busy"); }, 1500);
    } else if (button.dataset.answer) {
      answer(button.dataset.answer);
    } else if (button.dataset.say) {
      text.value = button.dataset.say;
      grow(text);
      text.focus();
    }
  });

  const answer = (thread) => {
    const replies = threadOf(thread).querySelector(".replies");
    let li = replies.querySelector("li.answering");
    if (!li) {
      li = document.createElement("li");
      li.className = "answering";
      const form = document.createElement("form");
      form.className = "composer small";
      const area = document.createElement("textarea");
      area.rows = 1;
      area.setAttribute("aria-label", "Answer in this thread");
      area.placeholder = "Answer, for example: confirm";
      const send = document.createElement("button");
      send.className = "primary";
      send.textContent = "Send";
      form.append(area, send);
      li.append(form);
      replies.append(li);
      wire(form, area, thread);
    }
    li.querySelector("textarea").focus();
  };

  toEnd();
})();
