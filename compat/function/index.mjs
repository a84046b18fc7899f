// What the SDK for JavaScript calls: it answers whole, in pieces, or not at all.
export const whole = async (event, context) => {
  console.log("called");
  if (event.fail) throw new RangeError("boom");
  return { got: event, version: context.functionVersion };
};

export const pieces = awslambda.streamifyResponse(async (event, stream) => {
  stream.write("one");
  await new Promise((done) => setTimeout(done, 200));
  if (event.fail) throw new RangeError("boom");
  stream.end("two");
});
