// The number beside "Health" in the sidebar: as open incidents come and go.

export function countOpen(region) {
  const count = Number(region.querySelector("[data-open]")?.dataset.open);
  if (Number.isNaN(count)) return;
  for (const link of document.querySelectorAll("#nav-sidebar-apps a")) {
    if (link.getAttribute("href") !== region.dataset.home) continue;
    // Behind the icon and the title: what the server wrote, or what was written here before.
    for (const badge of [...link.querySelectorAll(":scope > span")].slice(2)) badge.remove();
    if (count) link.append(written(count));
  }
}

function written(count) {
  const badge = document.createElement("span");
  badge.className = "hp-badge";
  badge.textContent = count;
  return badge;
}
