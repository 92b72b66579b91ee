// Every text of the page, English and German side by side. {name} is filled in. A name that is missing here, as of a
// third party's module, is shown as it is written, in readable form.

export const LANGUAGES = { en: "English", de: "Deutsch" };
const KEY = "edge-cad.language";

const TEXTS = {
  "app.disclaimer": ["For research use; not for diagnosis", "Nur für Forschungszwecke; nicht zur Diagnose"],
  "app.loading": ["Loading …", "Wird geladen …"],
  "app.retry": ["Try again", "Erneut versuchen"],
  "app.cancel": ["Cancel", "Abbrechen"],
  "app.close": ["Close", "Schließen"],
  "app.save": ["Save", "Speichern"],
  "app.undo": ["Undo", "Rückgängig"],
  "app.skip": ["Skip to the content", "Zum Inhalt springen"],
  "app.menu": ["Pages", "Seiten"],
  "app.not_found": ["There is no such page.", "Diese Seite gibt es nicht."],
  "app.to_live": ["Go to the live picture", "Zum Live-Bild"],

  "nav.live": ["Live", "Live"],
  "nav.history": ["History", "Verlauf"],
  "nav.health": ["Health", "Zustand"],
  "nav.settings": ["Settings", "Einstellungen"],
  "nav.people": ["People", "Personen"],
  "nav.me": ["{name}, display and sign out", "{name}, Anzeige und Abmelden"],

  "error.unreachable": ["The box does not answer. Check the network of this tablet.", "Die Box antwortet nicht. Prüfen Sie das Netz dieses Tablets."],
  "error.internal": ["The box could not do this. Try again; if it stays so, call the technician.", "Die Box konnte das nicht ausführen. Versuchen Sie es erneut; sonst rufen Sie die Technik."],
  "error.too_many": ["Too many attempts. Wait {seconds} s and try again.", "Zu viele Versuche. Warten Sie {seconds} s und versuchen Sie es erneut."],
  "error.forbidden_title": ["Only for technicians", "Nur für die Technik"],
  "error.forbidden": ["This page is for accounts with the role technician. You are signed in as operator.", "Diese Seite ist für Konten mit der Rolle Technik. Sie sind als Bedienung angemeldet."],

  "lost.title": ["Connection to the box lost", "Verbindung zur Box verloren"],
  "lost.hint": ["The picture is not live. Trying again by itself …", "Das Bild ist nicht live. Neuer Versuch läuft von selbst …"],
  "lost.back": ["Connected again", "Wieder verbunden"],

  "signal.live": ["Live", "Live"],
  "signal.still": ["Still picture", "Standbild"],
  "signal.still.hint": ["The scanner's picture does not move", "Das Bild des Geräts bewegt sich nicht"],
  "signal.starting": ["Starting", "Startet"],
  "signal.starting.hint": ["Waiting for the first picture", "Warten auf das erste Bild"],
  "signal.no_signal": ["No signal", "Kein Signal"],
  "signal.no_signal.hint": ["Check the cable to the scanner, and that the scanner is on", "Prüfen Sie das Kabel zum Gerät und ob das Gerät eingeschaltet ist"],
  "signal.blank": ["Empty screen", "Leerer Bildschirm"],
  "signal.blank.hint": ["The scanner shows nothing to analyse", "Das Gerät zeigt nichts zum Auswerten"],
  "signal.menu": ["Menu on the screen", "Menü auf dem Bildschirm"],
  "signal.menu.hint": ["Go back to the picture on the scanner", "Gehen Sie am Gerät zurück zum Bild"],
  "signal.frozen": ["Frozen", "Eingefroren"],
  "signal.frozen.hint": ["since {time}, by {by}", "seit {time}, von {by}"],
  "signal.capture_lost": ["No picture", "Kein Bild"],
  "signal.capture_lost.hint": ["Check the USB cable of the capture card", "Prüfen Sie das USB-Kabel der Bildkarte"],
  "signal.capture_stalled": ["Picture stands still", "Bild steht"],
  "signal.capture_stalled.hint": ["The capture card gives no new pictures. The box tries again", "Die Bildkarte liefert keine neuen Bilder. Die Box versucht es erneut"],
  "signal.capture_stopped": ["Stopped", "Angehalten"],
  "signal.capture_stopped.hint": ["The picture source has ended", "Die Bildquelle ist zu Ende"],
  "signal.service_silent": ["The analysis does not answer", "Die Auswertung antwortet nicht"],
  "signal.service_silent.hint": ["It is started again by itself. If it stays so, call the technician", "Sie startet von selbst neu. Sonst rufen Sie die Technik"],
  "signal.keep_scanning": ["Keep scanning", "Weiter schallen"],
  "signal.loading": ["Loading the picture", "Bild wird geladen"],
  "signal.loading.hint": ["It comes by itself", "Es kommt von selbst"],
  "signal.lost": ["Not live", "Nicht live"],
  "signal.rate": ["{rate} pictures/s", "{rate} Bilder/s"],

  "sent.all": ["All sent", "Alles gesendet"],
  "sent.sending_one": ["Sending 1 report", "1 Bericht wird gesendet"],
  "sent.sending_other": ["Sending {n} reports", "{n} Berichte werden gesendet"],
  "sent.offline_none": ["No network", "Kein Netz"],
  "sent.offline_one": ["1 not sent: no network", "1 nicht gesendet: kein Netz"],
  "sent.offline_other": ["{n} not sent: no network", "{n} nicht gesendet: kein Netz"],
  "sent.overdue_one": ["1 not sent for long", "1 lange nicht gesendet"],
  "sent.overdue_other": ["{n} not sent for long", "{n} lange nicht gesendet"],
  "sent.store_full": ["Store full", "Speicher voll"],
  "sent.store_failed": ["Store failed", "Speicherfehler"],
  "sent.unknown": ["Not known", "Unbekannt"],
  "delivery.sent": ["Sent", "Gesendet"],
  "delivery.waiting": ["Waiting to be sent", "Wartet auf das Senden"],
  "delivery.refused": ["Refused by the receiver", "Vom Empfänger abgelehnt"],

  "live.freeze": ["Freeze", "Einfrieren"],
  "live.unfreeze": ["Go live", "Weiter live"],
  "live.capture": ["Capture now", "Jetzt aufnehmen"],
  "live.capturing": ["Analysing …", "Wird ausgewertet …"],
  "live.captured": ["Picture captured and analysed", "Bild aufgenommen und ausgewertet"],
  "live.capture_late": ["The report on this picture takes long: look into the history", "Der Bericht zu diesem Bild dauert: sehen Sie im Verlauf nach"],
  "live.picture": ["Picture of the scanner", "Bild des Geräts"],
  "live.overlays": ["Show on the picture", "Im Bild zeigen"],
  "live.no_overlays": ["Nothing to draw for this picture", "Für dieses Bild gibt es nichts einzuzeichnen"],
  "live.nothing": ["Nothing analysed yet", "Noch nichts ausgewertet"],
  "live.nothing.hint": ["Measurements appear here by themselves as soon as the scanner shows a picture.", "Messwerte erscheinen hier von selbst, sobald das Gerät ein Bild zeigt."],
  "live.report_of": ["Analysed {time}", "Ausgewertet {time}"],
  "live.open_report": ["Open", "Öffnen"],
  "live.measuring": ["Measuring the new picture …", "Das neue Bild wird vermessen …"],
  "live.old": ["Last results, of {time}", "Letzte Ergebnisse, von {time}"],

  "class.title": ["What it shows", "Was es zeigt"],
  "class.unsure": ["Not sure", "Nicht sicher"],
  "class.unsure.hint": ["It may be one of these. Choose the right one, or move the probe.", "Es kann eines davon sein. Wählen Sie das richtige oder bewegen Sie den Schallkopf."],
  "class.rejected": ["Not recognised", "Nicht erkannt"],
  "class.rejected.hint": ["Unlike anything the box knows. Nothing is measured.", "Gleicht nichts, was die Box kennt. Es wird nichts gemessen."],
  "class.more.hint": ["Too few pictures of this view agree yet.", "Noch stimmen zu wenige Bilder dieser Ansicht überein."],
  "class.sure": ["Sure", "Sicher"],
  "class.likely": ["Fairly sure", "Ziemlich sicher"],
  "class.operator": ["Set by a person", "Von einer Person gesetzt"],
  "class.confidence": ["Confidence", "Sicherheit"],
  "class.wrong": ["Wrong?", "Falsch?"],
  "class.wrong.hint": ["Wrong? Choose what the picture shows", "Falsch? Wählen, was das Bild zeigt"],
  "class.choose": ["What does the picture show?", "Was zeigt das Bild?"],
  "class.choose.hint": ["The picture is analysed again as what you choose. Your choice is kept in the report and in the audit log.", "Das Bild wird als das Gewählte neu ausgewertet. Ihre Wahl steht im Bericht und im Protokoll."],
  "class.choose.now": ["chosen now", "jetzt gewählt"],
  "class.choose.first": ["Choose first", "Zuerst wählen"],
  "class.choose.apply": ["Analyse as {category}", "Als {category} auswerten"],
  "class.overridden": ["Noted. The picture is analysed as {category}", "Notiert. Das Bild wird als {category} ausgewertet"],
  "class.chosen": ["Chosen by a person ({role}) for this view", "Von einer Person gewählt ({role}), für diese Ansicht"],
  "class.release": ["Let the box decide", "Box entscheiden lassen"],
  "class.released": ["The box decides again", "Die Box entscheidet wieder"],
  "class.quality_good": ["Picture quality good", "Bildqualität gut"],
  "class.quality_fair": ["Picture quality fair", "Bildqualität mäßig"],
  "class.quality_poor": ["Picture quality poor: measure again", "Bildqualität schlecht: neu messen"],
  "class.amends": ["Changed by a person ({role}); before: {category}", "Von einer Person geändert ({role}); vorher: {category}"],

  "find.title": ["Measurements", "Messwerte"],
  "find.none": ["Nothing measured in this picture", "In diesem Bild wurde nichts gemessen"],
  "find.interval": ["between {low} and {high}", "zwischen {low} und {high}"],
  "find.experimental": ["Not validated", "Nicht validiert"],
  "find.no_scale": ["In pixels: the box does not know the scale of this picture", "In Pixeln: Die Box kennt den Maßstab dieses Bildes nicht"],
  "find.agree": ["Agree: {feature}", "Stimme zu: {feature}"],
  "find.disagree": ["Disagree: {feature}", "Stimme nicht zu: {feature}"],
  "find.agreed": ["Noted: you agree with {feature}", "Notiert: Sie stimmen zu, {feature}"],
  "find.disagreed": ["Noted: you disagree with {feature}", "Notiert: Sie stimmen nicht zu, {feature}"],
  "find.withdrawn": ["Your opinion on {feature} is withdrawn", "Ihre Meinung zu {feature} ist zurückgezogen"],
  "find.number": ["Number", "Zahl"],

  "mod.title": ["All modules", "Alle Module"],
  "mod.none": ["No module ran", "Kein Modul ist gelaufen"],
  "mod.ok": ["Done", "Fertig"],
  "mod.unsuitable": ["Picture not suitable", "Bild nicht geeignet"],
  "mod.failed": ["Failed", "Fehler"],
  "mod.timed_out": ["Took too long", "Dauerte zu lange"],
  "mod.unavailable": ["Not available here", "Hier nicht verfügbar"],
  "mod.nothing_found": ["Nothing found", "Nichts gefunden"],
  "mod.version": ["Version {version}, {duration} ms", "Version {version}, {duration} ms"],

  "hist.title": ["History", "Verlauf"],
  "hist.search": ["Search", "Suchen"],
  "hist.search.hint": ["Word or number", "Wort oder Nummer"],
  "hist.category": ["Category", "Kategorie"],
  "hist.time": ["Time", "Zeit"],
  "hist.session": ["Session", "Sitzung"],
  "hist.scope": ["Kind", "Art"],
  "hist.delivery": ["Sending", "Versand"],
  "hist.any": ["All", "Alle"],
  "hist.today": ["Today", "Heute"],
  "hist.yesterday": ["Since yesterday", "Seit gestern"],
  "hist.week": ["7 days", "7 Tage"],
  "hist.month": ["30 days", "30 Tage"],
  "hist.own_time": ["From – to …", "Von – bis …"],
  "hist.since": ["From", "Von"],
  "hist.until": ["To", "Bis"],
  "hist.frame": ["Picture", "Bild"],
  "hist.clip": ["Clip", "Clip"],
  "hist.more": ["Show more", "Mehr zeigen"],
  "hist.end": ["That is all", "Das ist alles"],
  "hist.part": ["Only the newest reports were searched", "Nur die neuesten Berichte wurden durchsucht"],
  "hist.empty": ["No reports yet", "Noch keine Berichte"],
  "hist.empty.hint": ["Reports appear here as soon as the box has analysed a picture.", "Berichte erscheinen hier, sobald die Box ein Bild ausgewertet hat."],
  "hist.no_match": ["No report fits this search", "Kein Bericht passt zu dieser Suche"],
  "hist.clear": ["Clear search", "Suche leeren"],
  "hist.new_one": ["1 new report: show", "1 neuer Bericht: zeigen"],
  "hist.new_other": ["{n} new reports: show", "{n} neue Berichte: zeigen"],
  "hist.export": ["Export", "Exportieren"],
  "hist.export.jsonl": ["Reports (JSON Lines)", "Berichte (JSON Lines)"],
  "hist.export.csv": ["Table (CSV)", "Tabelle (CSV)"],
  "hist.filters": ["Filter", "Filter"],
  "hist.time_unsure": ["The clock was not set", "Die Uhr war nicht gestellt"],

  "rep.title": ["Report", "Bericht"],
  "rep.back": ["Back to the list", "Zurück zur Liste"],
  "rep.print": ["Print or PDF", "Drucken oder PDF"],
  "rep.json": ["JSON", "JSON"],
  "rep.download": ["Download", "Herunterladen"],
  "rep.replay": ["Replay", "Wiederholen"],
  "rep.replaying": ["Analysing again …", "Wird neu ausgewertet …"],
  "rep.replay.identical": ["The same result again", "Wieder dasselbe Ergebnis"],
  "rep.replay.different": ["The result differs", "Das Ergebnis weicht ab"],
  "rep.replay.not_comparable": ["Not comparable: software or models have changed", "Nicht vergleichbar: Software oder Modelle sind andere"],
  "rep.replay.not_replayable": ["Cannot be replayed", "Kann nicht wiederholt werden"],
  "rep.no_picture": ["No picture was kept", "Es wurde kein Bild aufgehoben"],
  "rep.masked": ["Text in the picture was blackened", "Text im Bild wurde geschwärzt"],
  "rep.details": ["Details", "Einzelheiten"],
  "rep.id": ["Report number", "Berichtsnummer"],
  "rep.device": ["Box", "Box"],
  "rep.source": ["Source", "Quelle"],
  "rep.captured": ["Captured", "Aufgenommen"],
  "rep.created": ["Reported", "Berichtet"],
  "rep.trigger": ["Taken for", "Anlass"],
  "rep.model": ["Network", "Netz"],
  "rep.scores": ["All categories", "Alle Kategorien"],
  "rep.clip": ["{frames} pictures in {seconds} s, {analysed} analysed", "{frames} Bilder in {seconds} s, {analysed} ausgewertet"],
  "rep.opinions": ["Opinions", "Meinungen"],
  "rep.opinion.agree": ["{by} agrees: {feature}", "{by} stimmt zu: {feature}"],
  "rep.opinion.disagree": ["{by} disagrees: {feature}", "{by} stimmt nicht zu: {feature}"],
  "rep.amended": ["A person changed this: open the newer report", "Von einer Person geändert: zum neueren Bericht"],
  "rep.amends": ["Open the report before the change", "Zum Bericht vor der Änderung"],
  "rep.delivery": ["Sent", "Gesendet"],
  "rep.patient": ["Patient label", "Patientenetikett"],
  "rep.signature": ["Date, name, signature", "Datum, Name, Unterschrift"],
  "rep.printed": ["Printed {time}", "Gedruckt {time}"],
  "rep.measurement": ["Measurement", "Messwert"],
  "rep.module": ["Module", "Modul"],
  "rep.value": ["Value", "Wert"],
  "rep.range": ["Interval", "Intervall"],
  "rep.status": ["Status", "Status"],
  "rep.more_rows": ["… and {n} more values in the full report", "… und {n} weitere Werte im vollen Bericht"],

  "trigger.foot_switch_press": ["Foot switch", "Fußschalter"],
  "trigger.freeze_on": ["Freeze on the scanner", "Einfrieren am Gerät"],
  "trigger.exposure_start": ["Exposure", "Belichtung"],
  "trigger.page_capture": ["Capture on the page", "Aufnahme auf der Seite"],
  "trigger.page_freeze": ["Freeze on the page", "Einfrieren auf der Seite"],

  "health.title": ["Health of the box", "Zustand der Box"],
  "health.all_well": ["Everything works", "Alles funktioniert"],
  "health.problems_one": ["1 part needs attention", "1 Teil braucht Aufmerksamkeit"],
  "health.problems_other": ["{n} parts need attention", "{n} Teile brauchen Aufmerksamkeit"],
  "health.service": ["Analysis", "Auswertung"],
  "health.signal": ["Signal", "Signal"],
  "health.capture": ["Capture", "Bildaufnahme"],
  "health.modules": ["Modules", "Module"],
  "health.broker": ["Network, receiver", "Netz, Empfänger"],
  "health.store": ["Unsent reports", "Nicht gesendet"],
  "health.link": ["Controller", "Steuerung"],
  "health.disk": ["Disk", "Speicherplatz"],
  "health.temperature": ["Temperature", "Temperatur"],
  "health.clock": ["Clock", "Uhr"],
  "health.clock.ok": ["Set from the network", "Aus dem Netz gestellt"],
  "health.clock.warn": ["Not set from the network: times may be wrong", "Nicht aus dem Netz gestellt: Zeiten können falsch sein"],
  "health.viewers": ["Viewers", "Betrachter"],
  "health.frames": ["{frames} pictures, {dropped} dropped", "{frames} Bilder, {dropped} verworfen"],
  "health.oldest": ["oldest {time}", "ältester {time}"],
  "health.skipped": ["{n} pictures not analysed for lack of time", "{n} Bilder aus Zeitmangel nicht ausgewertet"],
  "health.reports": ["{n} reports kept", "{n} Berichte aufgehoben"],
  "health.refused": ["{n} refused by the receiver", "{n} vom Empfänger abgelehnt"],
  "health.free": ["free of {total}", "frei von {total}"],
  "health.no_sensor": ["No sensor", "Kein Sensor"],
  "health.models": ["Models", "Modelle"],
  "health.models.name": ["Name", "Name"],
  "health.models.version": ["Version", "Version"],
  "health.models.sha256": ["Fingerprint", "Prüfsumme"],
  "health.software": ["Software", "Software"],
  "health.since": ["running since {time}", "läuft seit {time}"],
  "health.plots": ["Last hours", "Letzte Stunden"],
  "health.plot.frames_per_second": ["Pictures per second", "Bilder pro Sekunde"],
  "health.plot.latency_ms": ["From picture to report (ms)", "Vom Bild zum Bericht (ms)"],
  "health.plot.unsent": ["Reports not sent", "Nicht gesendete Berichte"],
  "health.plot.temperature": ["Temperature (°C)", "Temperatur (°C)"],
  "health.plot.now": ["now {value}", "jetzt {value}"],
  "health.plot.summary": ["{title}: now {value}, lowest {low}, highest {high}", "{title}: jetzt {value}, kleinster {low}, größter {high}"],
  "health.plot.none": ["Nothing recorded yet", "Noch nichts aufgezeichnet"],
  "health.range": ["Time range", "Zeitraum"],
  "health.hours_one": ["1 hour", "1 Stunde"],
  "health.hours_other": ["{n} hours", "{n} Stunden"],
  "health.events": ["Latest events", "Letzte Ereignisse"],
  "health.events.none": ["No events yet", "Noch keine Ereignisse"],

  "state.running": ["Running", "Läuft"],
  "state.starting": ["Starting", "Startet"],
  "state.silent": ["Does not answer", "Antwortet nicht"],
  "state.ended": ["Ended", "Beendet"],
  "state.lost": ["Lost", "Verloren"],
  "state.stalled": ["Stands still", "Steht"],
  "state.stopped": ["Stopped", "Angehalten"],
  "state.connected": ["Connected", "Verbunden"],
  "state.connecting": ["Connecting", "Verbindet"],
  "state.unreachable": ["Not reachable", "Nicht erreichbar"],
  "state.refused": ["Refused", "Abgelehnt"],
  "state.untrusted": ["Not trusted", "Nicht vertrauenswürdig"],
  "state.failed": ["Failed", "Fehler"],
  "state.ok": ["In order", "In Ordnung"],
  "state.full": ["Full", "Voll"],
  "state.overdue": ["Overdue", "Überfällig"],
  "state.damaged": ["Damaged", "Beschädigt"],
  "state.reduced": ["Some switched off", "Einige abgeschaltet"],
  "state.up": ["Connected", "Verbunden"],
  "state.down": ["Not connected", "Nicht verbunden"],
  "state.none": ["Not installed", "Nicht vorhanden"],

  "set.title": ["Settings", "Einstellungen"],
  "set.read_only": ["Settings are changed in the configuration file of the box; here they are shown.", "Einstellungen werden in der Konfigurationsdatei der Box geändert; hier werden sie gezeigt."],
  "set.tests": ["Tests", "Tests"],
  "set.test.message": ["Send a test message", "Testnachricht senden"],
  "set.test.lamp": ["Blink the lamp", "Lampe blinken lassen"],
  "set.test.picture": ["Take a test picture", "Testbild aufnehmen"],
  "set.test.running": ["Running …", "Läuft …"],
  "set.test.done": ["Works", "Funktioniert"],
  "set.test.failed": ["Did not work", "Hat nicht funktioniert"],
  "set.test.shot": ["Test picture", "Testbild"],
  "set.search": ["Find a setting", "Einstellung suchen"],
  "set.key": ["Setting", "Einstellung"],
  "set.value": ["Value", "Wert"],
  "set.meaning": ["Meaning", "Bedeutung"],
  "set.changed": ["changed", "geändert"],
  "set.default": ["Default: {value}", "Standard: {value}"],
  "set.only_changed": ["Only changed ones", "Nur geänderte"],
  "set.none": ["No setting fits", "Keine Einstellung passt"],
  "set.not_set": ["not set", "nicht gesetzt"],
  "set.empty": ["empty", "leer"],
  "set.yes": ["yes", "ja"],
  "set.no": ["no", "nein"],

  "people.title": ["People", "Personen"],
  "people.add": ["Add a person", "Person hinzufügen"],
  "people.name": ["Name", "Name"],
  "people.name.hint": ["Small letters, digits, . _ -", "Kleinbuchstaben, Ziffern, . _ -"],
  "people.password": ["Password", "Passwort"],
  "people.password.hint": ["At least 10 characters", "Mindestens 10 Zeichen"],
  "people.password.old": ["Present password", "Bisheriges Passwort"],
  "people.password.new": ["New password", "Neues Passwort"],
  "people.password.show": ["Show password", "Passwort zeigen"],
  "people.password.changed": ["The password is changed", "Das Passwort ist geändert"],
  "people.password.reset": ["New password", "Neues Passwort"],
  "people.role": ["Role", "Rolle"],
  "people.role.operator": ["Operator", "Bedienung"],
  "people.role.technician": ["Technician", "Technik"],
  "people.role.operator.hint": ["Live, history, health", "Live, Verlauf, Zustand"],
  "people.role.technician.hint": ["Also settings and people", "Auch Einstellungen und Personen"],
  "people.make": ["Make {role}", "Zu {role} machen"],
  "people.delete": ["Remove", "Entfernen"],
  "people.delete.sure": ["Remove {name}? The account cannot be used any more.", "{name} entfernen? Das Konto kann nicht mehr benutzt werden."],
  "people.created": ["since {time}", "seit {time}"],
  "people.last_login": ["Last sign-in {time}", "Letzte Anmeldung {time}"],
  "people.never": ["Never signed in", "Nie angemeldet"],
  "people.you": ["you", "Sie"],
  "people.added": ["{name} can sign in now", "{name} kann sich jetzt anmelden"],
  "people.changed": ["{name} is changed and signed out", "{name} ist geändert und abgemeldet"],
  "people.removed": ["{name} is removed", "{name} ist entfernt"],

  "me.title": ["Display and account", "Anzeige und Konto"],
  "me.language": ["Language", "Sprache"],
  "me.theme": ["Brightness", "Helligkeit"],
  "me.theme.dark": ["Dark", "Dunkel"],
  "me.theme.light": ["Light", "Hell"],
  "me.password": ["Change password", "Passwort ändern"],
  "me.sign_out": ["Sign out", "Abmelden"],

  "in.title": ["Sign in", "Anmelden"],
  "in.name": ["Name", "Name"],
  "in.submit": ["Sign in", "Anmelden"],
  "in.wrong": ["Name or password is wrong.", "Name oder Passwort ist falsch."],
  "in.ended": ["Your session has ended. Sign in again.", "Ihre Sitzung ist beendet. Melden Sie sich neu an."],
  "first.title": ["First start", "Erster Start"],
  "first.hint": ["Make the first account. It is a technician and can add others.", "Legen Sie das erste Konto an. Es hat die Rolle Technik und kann weitere anlegen."],
  "first.code": ["Setup code", "Einrichtungscode"],
  "first.code.hint": ["The box printed it when it started, as 1234-5678", "Die Box hat ihn beim Start ausgegeben, wie 1234-5678"],
  "first.submit": ["Make the account", "Konto anlegen"],

  "cat.us_lung": ["Lung", "Lunge"],
  "cat.us_breast": ["Breast", "Brust"],
  "cat.us_fetal_head": ["Fetal head", "Fetaler Kopf"],
  "cat.us_cardiac": ["Heart", "Herz"],
  "cat.us_liver": ["Liver", "Leber"],
  "cat.us_nerve": ["Nerve", "Nerv"],
  "cat.xr_chest": ["Chest", "Thorax"],
  "cat.xr_knee": ["Knee", "Knie"],
  "cat.xr_extremity": ["Arm or leg", "Arm oder Bein"],
  "cat.ambiguous": ["Not sure", "Nicht sicher"],
  "cat.none": ["Not recognised", "Nicht erkannt"],
  "kind.us": ["Ultrasound", "Ultraschall"],
  "kind.xr": ["X-ray", "Röntgen"],
  "join.or": ["or", "oder"],
};

// What modules are called and what they measure: only names; a module that is not here is shown all the same.
const NAMES = {
  image_quality: ["Picture quality", "Bildqualität"], quality_score: ["Picture quality", "Bildqualität"],
  sharpness: ["Sharpness", "Schärfe"], contrast: ["Contrast", "Kontrast"], noise: ["Noise", "Rauschen"],
  clipped_fraction: ["Clipped part", "Übersteuerter Anteil"], screen_text: ["Text on the screen", "Text auf dem Bildschirm"],
  text_box_count: ["Lines of text", "Textzeilen"], text_area_fraction: ["Area of text", "Fläche des Textes"],
  depth_scale: ["Depth scale", "Tiefenskala"], mm_per_pixel: ["Size of a pixel", "Größe eines Pixels"],
  tissue_texture: ["Tissue texture", "Gewebetextur"], nakagami_m: ["Nakagami m", "Nakagami m"], entropy: ["Entropy", "Entropie"],
  echogenicity: ["Echogenicity", "Echogenität"], exposure_check: ["Exposure", "Belichtung"], exposure_score: ["Exposure", "Belichtung"],
  collimated_fraction: ["Collimated part", "Eingeblendeter Anteil"], opaque_objects: ["Opaque objects", "Röntgendichte Objekte"],
  object_count: ["Objects", "Objekte"], object_area_fraction: ["Area of objects", "Fläche der Objekte"],
  pleural_line: ["Pleural line", "Pleuralinie"], pleura_depth: ["Pleura depth", "Pleuratiefe"],
  pleura_continuity: ["Pleura continuity", "Kontinuität der Pleura"], b_lines: ["B-lines", "B-Linien"], b_line_count: ["B-lines", "B-Linien"],
  b_line_score: ["B-line score", "B-Linien-Score"], a_lines: ["A-lines", "A-Linien"], a_line_score: ["A-line score", "A-Linien-Score"],
  a_line_spacing: ["A-line spacing", "A-Linien-Abstand"], lung_sliding: ["Lung sliding", "Lungengleiten"],
  sliding_score: ["Lung sliding", "Lungengleiten"], lung_pattern: ["Lung pattern", "Lungenmuster"],
  pathology_probability: ["Pathology probability", "Wahrscheinlichkeit Pathologie"], breast_lesion: ["Breast lesion", "Brustläsion"],
  lesion_area: ["Lesion area", "Läsionsfläche"], lesion_width: ["Lesion width", "Läsionsbreite"], lesion_height: ["Lesion height", "Läsionshöhe"],
  lesion_aspect: ["Height to width", "Höhe zu Breite"], breast_margin: ["Lesion margin", "Läsionsrand"],
  margin_irregularity: ["Margin irregularity", "Unregelmäßigkeit des Randes"], circularity: ["Circularity", "Rundheit"],
  posterior_ratio: ["Posterior echo ratio", "Dorsales Echoverhältnis"], breast_malignancy: ["Breast malignancy", "Malignität Brust"],
  malignancy_probability: ["Malignancy probability", "Wahrscheinlichkeit Malignität"], fetal_head: ["Fetal head", "Fetaler Kopf"],
  head_circumference: ["Head circumference", "Kopfumfang"], biparietal_diameter: ["Biparietal diameter", "Biparietaler Durchmesser"],
  occipitofrontal_diameter: ["Occipitofrontal diameter", "Frontookzipitaler Durchmesser"], cephalic_index: ["Cephalic index", "Kopfindex"],
  gestational_age: ["Gestational age", "Gestationsalter"], left_ventricle: ["Left ventricle", "Linker Ventrikel"],
  lv_area: ["Left ventricle area", "Fläche linker Ventrikel"], lv_length: ["Left ventricle length", "Länge linker Ventrikel"],
  lv_volume: ["Left ventricle volume", "Volumen linker Ventrikel"], cardiac_cycle: ["Cardiac cycle", "Herzzyklus"],
  heart_rate: ["Heart rate", "Herzfrequenz"], fractional_area_change: ["Fractional area change", "Flächenänderung"],
  ejection_fraction: ["Ejection fraction", "Ejektionsfraktion"], liver_mass: ["Liver mass", "Leberraumforderung"], mass_area: ["Mass area", "Fläche der Raumforderung"],
  nerve_vessel: ["Nerve and vessel", "Nerv und Gefäß"], nerve_area: ["Nerve area", "Nervenfläche"], vessel_area: ["Vessel area", "Gefäßfläche"],
  nerve_vessel_distance: ["Nerve to vessel", "Nerv zu Gefäß"], lung_fields: ["Lung fields", "Lungenfelder"],
  lung_area_left: ["Left lung area", "Fläche linke Lunge"], lung_area_right: ["Right lung area", "Fläche rechte Lunge"],
  lung_symmetry: ["Lung symmetry", "Lungensymmetrie"], cardiothoracic_ratio: ["Cardiothoracic ratio", "Herz-Thorax-Quotient"],
  heart_width: ["Heart width", "Herzbreite"], thorax_width: ["Thorax width", "Thoraxbreite"], lung_opacity: ["Lung opacity", "Lungenverschattung"],
  opacity_probability: ["Opacity probability", "Wahrscheinlichkeit Verschattung"], knee_osteoarthritis: ["Knee osteoarthritis", "Kniearthrose"],
  kl_grade: ["Kellgren-Lawrence grade", "Kellgren-Lawrence-Grad"], oa_probability: ["Osteoarthritis probability", "Wahrscheinlichkeit Arthrose"],
  joint_space: ["Joint space", "Gelenkspalt"], joint_space_width_medial: ["Joint space, medial", "Gelenkspalt, medial"],
  joint_space_width_lateral: ["Joint space, lateral", "Gelenkspalt, lateral"], bone_axis: ["Bone axis", "Knochenachse"],
  axis_count: ["Axes", "Achsen"], angulation: ["Angulation", "Achsabweichung"], text: ["Text", "Text"], head: ["Head", "Kopf"],
  heart: ["Heart", "Herz"], lung_left: ["Left lung", "Linke Lunge"], lung_right: ["Right lung", "Rechte Lunge"], lesion: ["Lesion", "Läsion"],
  mass: ["Mass", "Raumforderung"], nerve: ["Nerve", "Nerv"], vessel: ["Vessel", "Gefäß"], long_axis: ["Long axis", "Längsachse"],
  exposed_field: ["Exposed field", "Belichtetes Feld"], opaque_object: ["Opaque object", "Röntgendichtes Objekt"], opacity: ["Opacity", "Verschattung"],
};

const UNITS = {
  1: ["", ""], mm2: ["mm²", "mm²"], px2: ["px²", "px²"], px3: ["px³", "px³"], weeks: ["weeks", "Wochen"], lines: ["lines", "Linien"],
  degree: ["°", "°"], "1/min": ["/min", "/min"], bits: ["bits", "Bit"], "gray levels": ["gray levels", "Graustufen"],
};

let language = chosenLanguage();

function chosenLanguage() {
  const kept = localStorage.getItem(KEY);
  if (kept in LANGUAGES) return kept;
  return (navigator.languages ?? [navigator.language]).map((tag) => tag.slice(0, 2)).find((tag) => tag in LANGUAGES) ?? "en";
}

export function currentLanguage() {
  return language;
}

export function setLanguage(wanted) {
  language = wanted;
  localStorage.setItem(KEY, wanted);
  document.documentElement.lang = wanted;
}

const inLanguage = (pair) => pair[language === "de" ? 1 : 0];

/** A text in the page's language. */
export function t(key, values = {}) {
  const pair = TEXTS[key];
  if (!pair) return key;
  return inLanguage(pair).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}

/** "key_one" or "key_other", by the language's rules. */
export function plural(key, n, values = {}) {
  return t(`${key}_${new Intl.PluralRules(language).select(n) === "one" ? "one" : "other"}`, { n, ...values });
}

/** A text, or what stands for it where this page does not know it. */
export function known(key, otherwise) {
  return key in TEXTS ? t(key) : readable(otherwise);
}

/** The name of a module, feature or overlay. */
export function nameOf(word) {
  return word in NAMES ? inLanguage(NAMES[word]) : readable(word);
}

/** The name of a category, as "Heart"; `long` says with what, as "Heart, ultrasound". */
export function categoryName(category, long = false) {
  const name = known(`cat.${category}`, category);
  const kind = TEXTS[`kind.${String(category).split("_")[0]}`];
  return long && kind ? `${name}, ${inLanguage(kind)}` : name;
}

export function kindName(category) {
  const kind = TEXTS[`kind.${String(category).split("_")[0]}`];
  return kind ? inLanguage(kind) : "";
}

export function unitName(unit) {
  return unit in UNITS ? inLanguage(UNITS[unit]) : unit;
}

function readable(word) {
  const text = String(word ?? "").replaceAll("_", " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}
