// Decoding what a client sent, which takes up to a hundred nanoseconds a byte: a long body is decoded by another thread, and the loop
// goes on with what it gave.
#pragma once
#include "api/http/handler.hpp"
#include "runtime/base/json_codec.hpp"

namespace actord::http {

using after_body = std::function<void(exchange&)>;
using body_work = std::function<after_body(std::string_view body)>; // in any thread; it holds nothing of the request

// Has the body worked on by another thread; what comes back is called in this loop, with the same request without its body.
void work_on_body(exchange& x, body_work work);

inline constexpr size_t long_body = 8 << 10; // bytes

// `{},` is three bytes, and the record that is made of it hundreds.
inline constexpr size_t longest_list = 65536; // elements
status check_lists(const json_node& n, int depth = 0);

template <class Record> status decode_body(std::string_view body, Record& r) {
  if (body.size() <= long_body) return from_json(body, r);
  auto doc = json_document::parse(body);
  if (!doc) return doc.err();
  if (auto s = check_lists(doc->root()); !s) return s;
  return json_decode(doc->root(), r);
}

// `work(body)` gives what `then(exchange&, found&)` gets, here at once or later in this loop.
template <class Work, class Then> void with_body(exchange& x, Work work, Then then) {
  if (x.req.body.size() <= long_body) {
    auto found = work(x.req.body);
    return then(x, found);
  }
  work_on_body(x, [work = std::move(work), then = std::move(then)](std::string_view body) -> after_body {
    auto found = std::make_shared<decltype(work(body))>(work(body));
    return [found, then](exchange& later) { then(later, *found); };
  });
}

template <class Record> struct decoded_body {
  Record record;
  status outcome;
};

// `then(exchange&, decoded_body<Record>&)`.
template <class Record, class Then> void with_record(exchange& x, Then then) {
  with_body(
      x,
      [](std::string_view body) {
        decoded_body<Record> d;
        d.outcome = decode_body(body, d.record);
        return d;
      },
      std::move(then));
}

} // namespace actord::http
