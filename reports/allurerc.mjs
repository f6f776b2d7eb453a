// The settings travel with the Python package, so that an installed wheel has them too.
import { readFileSync } from "node:fs";

const settings = new URL("../harness/reporting/data/allurerc.json", import.meta.url);
export default JSON.parse(readFileSync(settings, "utf8"));
