// Bytes between servers. A connection of ours opens with stream_type, then carries frames both ways:
//   u32 length (big endian, of what follows), u8 kind, body
// A body is a sequence of fields: a varint key (field number * 2 + kind), then for kind 0 a varint value, for kind 1 a
// varint length and that many bytes. Unknown kinds of frames and unknown fields are skipped, so that a newer server may say more
// than an older one understands. Numbers are only appended, never reused.
// The dialler sends hello first; the other side answers with its hello or with refused, and closes after the latter.
#pragma once
#include "runtime/base/error.hpp"
#include "runtime/base/ids.hpp"
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace actord::peer {

// First byte of our connections. Consul's RPC uses 0 to 8, a TLS hello is 0x16 and text is below 0x80.
constexpr unsigned char stream_type = 0xac;
// Versions of the conversation that this program speaks.
constexpr uint32_t lowest_version = 1, highest_version = 1;
// What a frame may announce (kind and body) before the hello was accepted, and after it.
constexpr size_t greeting_limit = 64 << 10, frame_limit = 65 << 20;

enum class frame_kind : uint8_t { // on the wire: append only
  hello = 1,
  refused = 2,        // a text for the other side's log; the connection ends
  messages = 3,       // Raft
  question = 4,       // on the asker's outgoing connection
  answer = 5,         // on the connection that the question came from
  ping = 6,           // the dialler asks for a sign of life
  pong = 7,
  snapshot_begin = 8, // what is to come; answered by snapshot_ack with the offset to go on at
  snapshot_chunk = 9,
  snapshot_ack = 10,  // written up to the offset; with done: whole and synced
  snapshot_done = 11, // no more chunks
};

enum class purpose : uint8_t { raft = 1, snapshot = 2 }; // on the wire: append only

struct hello {
  uint32_t version_min = lowest_version, version_max = highest_version;
  peer::purpose purpose = peer::purpose::raft;
  server_id id;
  std::string name, address, datacenter;
  uint32_t bootstrap_expect = 0;
  bool non_voter = false, bootstrapped = false;
  uint32_t command_level = 1;
  std::map<server_id, std::string> known;
  std::vector<server_id> members;
  bool operator==(const hello&) const = default;
};
struct numbered { // a question or an answer
  uint64_t id = 0;
  std::string body;
};
struct snapshot_begin {
  uint64_t transfer = 0; // the sender's random number for this file; the same when it goes on after a broken connection
  uint64_t size = 0;     // bytes
  std::string install;   // a body of raft::encode
};
struct snapshot_chunk {
  uint64_t offset = 0;
  std::string_view bytes; // into the frame
};
struct snapshot_ack {
  uint64_t offset = 0;
  bool done = false;
};

// Whole frames. A hello too large for the greeting loses entries of `known`, never the rest.
std::string encode(const hello& h);
std::string encode(frame_kind question_or_answer, const numbered& n);
std::string encode(const snapshot_begin& b);
std::string encode(const snapshot_chunk& c);
std::string encode(const snapshot_ack& a);
std::string encode_refused(std::string_view text);
std::string encode_empty(frame_kind kind); // ping, pong, snapshot_done

// Raft messages of one frame; each is a body of raft::encode.
class messages_frame {
public:
  void add(std::string_view body);
  size_t size() const { return frame_.size(); }
  bool empty() const { return frame_.empty(); }
  std::string take(); // the frame; this one is empty then

private:
  std::string frame_;
};

// Bodies back to values. Errors are errc::corrupt with what did not parse; time and memory are linear in the input.
result<hello> decode_hello(std::string_view body);
result<numbered> decode_numbered(std::string_view body);
result<snapshot_begin> decode_snapshot_begin(std::string_view body);
result<snapshot_chunk> decode_snapshot_chunk(std::string_view body);
result<snapshot_ack> decode_snapshot_ack(std::string_view body);
result<std::string> decode_refused(std::string_view body); // printable and short
result<std::vector<std::string_view>> decode_messages(std::string_view body); // views into body

// Cuts a stream into frames. Holds at most one incomplete frame, which takes memory only as its bytes arrive.
class frame_reader {
public:
  explicit frame_reader(size_t limit = greeting_limit) : limit_(limit) {}
  void set_limit(size_t limit) { limit_ = limit; } // may be called from inside `take`
  // Hands each whole frame to `take`, whose views last for that call; `take` returns false to stop, and the rest is
  // dropped. An error means that the other side does not speak our language.
  status feed(std::string_view in, const std::function<bool(frame_kind, std::string_view body)>& take);
  size_t held() const { return partial_.capacity(); }

private:
  size_t limit_;
  std::string partial_;
};

} // namespace actord::peer
