// Package relay carries an agent's words and the bytes of its sockets over one
// TCP connection, for hosts that share no kernel with their sandboxes.
//
// The agent connects, and both sides prove that they know the sandbox's token
// without saying it:
//
//	agent                                             host
//	greet {id, nonce, again}                   ─────▶
//	                                           ◀─────  challenge {nonce, proof}
//	proof {proof}                              ─────▶
//
// A proof is an HMAC over the side's name, the id and both nonces, so neither can
// be replayed nor turned round. What follows is neither encrypted nor signed: the
// network in between has to be one that is trusted, or a tunnel.
//
// After that there are frames, each a big-endian length of what follows it, a
// kind, a stream's number and the kind's content:
//
//	u32 length | u8 kind | u32 stream | content
//
//	message  a wire.Message; stream 0
//	data     bytes of the stream
//	credit   u32: how many bytes more the other side may send
//	end      no more data comes from this side
//	close    neither comes more data nor is more wanted
//	reset    the same, and what was sent is not whole
//	accept   u32: the number of the stream of a connection that a listener took
//
// Where wire passes descriptors, a message names streams. The host's have even
// numbers, the agent's odd ones, and none is used twice. Each side may send
// Window bytes on a stream before the other has taken any, so that one that
// nobody reads holds up no other, and so that what is unread has a bound.
package relay
