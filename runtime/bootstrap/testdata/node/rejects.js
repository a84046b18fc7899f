Promise.reject(new Error('at load'));
exports.handler = async () => new Promise((r) => setTimeout(r, 1000));
