// Requests and answers on one stream of Consul's RPC (actors/rpc/wire.md, Calls): two msgpack values each, a header and
// a body. Where a value ends is found while it arrives; nothing is decoded before it is whole.
#pragma once
#include "runtime/base/error.hpp"
#include "runtime/base/value_extent.hpp"
#include <functional>
#include <string>
#include <string_view>

namespace actord::rpc {

constexpr size_t header_limit = 64 << 10;    // bytes of a header; an answer's holds an error's text
constexpr size_t request_limit = 4 << 20;    // bytes of a request's body; a transaction of 512 KiB in base64 stays far below
constexpr size_t request_values = 64 << 10;  // values in a request: each takes more memory than the byte that it may be
constexpr size_t answer_limit = 64 << 20;   // bytes of an answer's body

struct request_header {
  uint64_t seq = 0;
  std::string method;
};
struct answer_header {
  uint64_t seq = 0;
  std::string method;
  std::string failure; // "" when it went well
};

std::string encode_request(const request_header& h, std::string_view body);
// The header alone, with room for so many bytes more; the body follows it. After a failure it is empty_body, whatever the method answers else.
std::string encode(const answer_header& h, size_t room = 0);
inline constexpr std::string_view empty_body = "\x80";
std::string encode_answer(const answer_header& h, std::string_view body);

// Maps, or arrays in the order of declaration as Consul's decoder accepts, too. errc::corrupt when they are neither.
result<request_header> decode_request_header(std::string_view value);
result<answer_header> decode_answer_header(std::string_view value);

// Cuts a stream into pairs of values.
class pair_reader {
public:
  explicit pair_reader(size_t body_limit, size_t most_values = ~size_t{0}) : body_limit_(body_limit), most_values_(most_values), extent_(header_limit, header_values) {}
  // Hands over each whole pair, by views that last for that call; false from `take` makes the pairs behind wait for the next feed()
  // (of nothing, perhaps). An error, errc::corrupt or errc::too_large, is final: there is no telling where the next value starts.
  status feed(std::string_view in, const std::function<bool(std::string_view header, std::string_view body)>& take);
  size_t held() const { return held_.size() - start_; } // bytes of what is not whole, or waits
  // Of an error: the header, when that had come whole.
  std::string_view header_so_far() const { return in_body_ ? std::string_view(held_).substr(start_, header_end_) : std::string_view{}; }

private:
  status cut(std::string_view bytes, size_t& start, const std::function<bool(std::string_view header, std::string_view body)>& take);
  static constexpr size_t header_values = 64;
  size_t body_limit_, most_values_;
  value_extent extent_;
  std::string held_;
  size_t start_ = 0; // of the pair at hand; what is before was handed over
  size_t header_end_ = 0;
  bool in_body_ = false;
};

} // namespace actord::rpc
