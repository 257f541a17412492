// Reads iCalendar from standard input with ical.js (Mozilla's) and writes what it understood.
import ICAL from "ical.js";

let text = "";
for await (const part of process.stdin) text += part;

const calendar = new ICAL.Component(ICAL.parse(text));
for (const zone of calendar.getAllSubcomponents("vtimezone")) ICAL.TimezoneService.register(zone);
const events = calendar.getAllSubcomponents("vevent").map((each) => {
  const event = new ICAL.Event(each);
  return {
    uid: event.uid,
    sequence: event.sequence,
    summary: event.summary,
    status: each.getFirstPropertyValue("status"),
    wholeDay: event.startDate.isDate,
    start: event.startDate.toString(),
    moment: event.startDate.isDate ? null : event.startDate.toJSDate().toISOString(),
    end: event.endDate.toString(),
    alarms: each.getAllSubcomponents("valarm").map((alarm) =>
      alarm.getFirstPropertyValue("trigger").toSeconds()),
  };
});
process.stdout.write(JSON.stringify({
  name: calendar.getFirstPropertyValue("name"),
  refresh: calendar.getFirstPropertyValue("refresh-interval").toSeconds(),
  events,
}));
