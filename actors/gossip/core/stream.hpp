// Gossip over TCP: one message each way per connection (actors/gossip/wire.md, Streams).
//   message -> compressed -> 0a, u32 length, sealed
#pragma once
#include "actors/gossip/core/keyring.hpp"
#include "runtime/base/value_extent.hpp"
#include "actors/gossip/core/wire.hpp"

namespace actord::gossip {

using stream_message = std::variant<ping, ack, user, failure, push_pull>;

constexpr size_t stream_limit = 20 << 20; // bytes of a message: sealed, compressed, and what comes out of it
constexpr size_t report_limit = 100'000;  // nodes in one push/pull

struct stream_options {
  bool compress = true;
  bool opening_clear = false;
};

// Everything to write to the connection. `seal` may be null. errc::too_large beyond stream_limit.
result<std::string> encode_stream(const stream_message& m, const stream_options& o, const sealing* seal);

// Reads one message from a connection. Holds at most what has come of it, and no more than `limit` bytes; expanding a compressed
// message takes another `limit` at most, its values a small multiple of their bytes.
class stream_reader {
public:
  // `seal` may be null and outlives the reader.
  explicit stream_reader(const sealing* seal, size_t limit = stream_limit) : seal_(seal), limit_(limit) {}

  // Takes what came. Nothing yet, the message (once; later bytes are ignored), or why there will be none: then
  // answer_failure() says whether the other side is to be told by a failure with that text before the connection is closed.
  result<std::optional<stream_message>> feed(std::string_view in);
  bool answer_failure() const { return answer_; }
  // At least so many bytes are still to come before there is any progress; 0 when done or failed.
  size_t needs() const { return done_ ? 0 : needs_; }
  size_t held() const { return held_.capacity(); }

private:
  // A message as it is, without seal and compression. Reads from bytes that grow.
  class body {
  public:
    explicit body(size_t limit) : limit_(limit), extent_(limit) {}
    result<std::optional<stream_message>> read(std::string_view all);
    size_t needs() const { return needs_; }

  private:
    enum class step : uint8_t { tag, header, nodes, user_state };
    // True when the value that starts at at_ is whole: then it is `value`.
    result<bool> next(std::string_view all, std::string_view& value);
    result<bool> take(std::string_view all);
    status take_header(std::string_view value);
    size_t limit_, at_ = 0, needs_ = 1;
    step step_ = step::tag;
    wire_tag tag_ = wire_tag::ping;
    value_extent extent_;
    size_t nodes_ = 0, tail_ = 0; // still to come: nodes, then bytes
    stream_message out_;
  };

  result<std::optional<stream_message>> outside();
  result<std::optional<stream_message>> unseal();
  result<std::optional<stream_message>> expand(std::string_view in);
  result<std::optional<stream_message>> whole(std::string_view in);

  const sealing* seal_;
  size_t limit_;
  std::string held_;
  size_t needs_ = 1;
  bool done_ = false, answer_ = false;
  std::optional<body> body_;             // of a message that is neither sealed nor compressed
  std::optional<value_extent> extent_;   // of one that is compressed
};

} // namespace actord::gossip
