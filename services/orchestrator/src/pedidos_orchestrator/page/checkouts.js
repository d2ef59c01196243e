// Orders that are placed live: one is followed, or those of a customer are listed, when asked for.
import { checkoutPart } from "./checkout.js";
import { by, show, write } from "./dom.js";
import { placedPart } from "./placed.js";

const ID = /co_[0-9A-Za-z_-]{1,90}/;
const LINK = "#checkout=";
const NO_ID = "This is neither the id of a checkout, which begins with co_, nor its tracking URL.";
const NOT_SET_UP = "Checkout is not set up here: give orchestrator and workers PAYMENT_URL and PAYMENT_API_KEY, or try it with “pedidos up --sandbox”.";

/** The card of checkouts; what is given back is told whether checkout is set up. */
export function checkoutsCard() {
  let known = null;
  const part = checkoutPart({ onClose: () => linkTo("") });
  placedPart((id) => {
    see(id);
    by("checkout-title").focus(); // it is above the row
  });

  function see(id) {
    linkTo(LINK + id);
    part.see(id);
  }

  function fromAddress() {
    const id = location.hash.startsWith(LINK) && ID.exec(location.hash)?.[0];
    if (known && id) part.see(id);
  }

  by("checkout-ask").addEventListener("submit", (event) => {
    event.preventDefault();
    const id = ID.exec(event.target.elements.id.value)?.[0];
    if (id) see(id);
    else part.fail(NO_ID);
  });
  addEventListener("hashchange", fromAddress);

  return (isSetUp) => {
    if (isSetUp === known) return;
    known = isSetUp;
    write(by("checkouts-none"), NOT_SET_UP);
    show(by("checkouts-none"), !isSetUp);
    show(by("checkouts-asks"), isSetUp);
    fromAddress();
  };
}

/** What is followed stands in the address, so that it is again when that is opened or reloaded. */
function linkTo(hash) {
  history.replaceState(null, "", hash || location.pathname + location.search);
}
