/** A hook that is mistyped. */
export default {
  mesage() {},
};
