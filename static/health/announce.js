// Says aloud what changed in status, and nothing else: numbers move all the time.

export class Announcer {
  constructor(region, place) {
    this.region = region;
    this.place = place;
    this.before = this.read();
  }

  tell() {
    const now = this.read();
    const news = [
      ...changed(this.before.statuses, now.statuses),
      ...came(this.before.incidents, now.incidents).map((title) => `Incident opened: ${title}.`),
      ...came(now.incidents, this.before.incidents).map((title) => `Incident over: ${title}.`),
    ];
    this.before = now;
    if (news.length) this.place.textContent = news.join(" ");
  }

  read() {
    const named = [...this.region.querySelectorAll("[data-status][data-name]")];
    const open = [...this.region.querySelectorAll("[data-incident]")];
    return {
      statuses: new Map(named.map(({ dataset }) => [dataset.name, dataset.status])),
      incidents: open.map(({ dataset }) => dataset.incident),
    };
  }
}

const changed = (before, now) =>
  [...now]
    .filter(([name, status]) => before.has(name) && before.get(name) !== status)
    .map(([name, status]) => `${name} is ${status}.`);

const came = (before, now) => now.filter((title) => !before.includes(title));
