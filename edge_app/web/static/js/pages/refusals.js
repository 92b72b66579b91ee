// Pages that are not there, or not for this person.
import { empty, link } from "../parts.js";
import { t } from "../texts.js";

export function showNotFound(content) {
  content.append(empty("search", t("app.not_found"), "", link("live", t("app.to_live"), "/live")));
}

export function showForbidden(content) {
  content.append(empty("lock", t("error.forbidden_title"), t("error.forbidden"), link("live", t("app.to_live"), "/live")));
}
