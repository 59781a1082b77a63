// The page of one incident: times that move on, and what asks before it acts.

import { keepTimes } from "./ago.js";
import { askBeforeActing } from "./confirm.js";

keepTimes();
askBeforeActing(document.getElementById("confirm"));
