// An answer before it is bytes, and its head as bytes. Handlers fill it in; the front adds what every answer has.
#pragma once
#include "runtime/base/error.hpp"
#include "runtime/base/json_codec.hpp"
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace actord::http {

enum class body_kind : uint8_t {
  none,  // no body, no Content-Type
  json,  // compact JSON in `body`; the front makes it pretty when asked
  text,  // text/plain; charset=utf-8, as Go detects it
  other, // content_type says
};

// The X-Consul-* headers of an answer from the state.
struct meta_headers {
  bool present = false;
  bool with_index = true;           // read-only transactions tell all but the index
  uint64_t index = 0;               // 0 is sent as 1
  bool known_leader = true;
  uint64_t last_contact_ms = 0;
  std::string_view consistency;     // "" = the endpoint does not send X-Consul-Effective-Consistency
};

struct response {
  int status = 200;
  body_kind kind = body_kind::none;
  std::string_view content_type; // static text, for body_kind::other
  std::string body;
  meta_headers meta;
  bool close = false;
  bool plain = false;            // not through the API's wrapper: no Vary, no gzip (unknown paths, bad requests)
  std::string_view cache;        // X-Cache: MISS or HIT (asked with ?cached), with Age: 0
  bool answered = false;         // the front has sent the answer otherwise
  std::vector<std::pair<std::string_view, std::string>> headers; // further ones; names are static text

  void clear();
  void json(std::string compact) { kind = body_kind::json; body = std::move(compact); }
  // Writes `body` anew through a writer: `auto w = out.begin_json(); w.begin_array(); …`
  json_writer begin_json() { kind = body_kind::json; body.clear(); return json_writer(body); }
  template <class T> void json_of(const T& record) {
    auto w = begin_json();
    json_encode(w, record);
  }
  void text(int code, std::string_view t) { status = code; kind = body_kind::text; body = t; }
  void empty(int code = 200) { status = code; kind = body_kind::none; body.clear(); }
  // Consul's mapping of errors to statuses (agent/http.go): by the code, and by the text where Consul looks at it.
  void fail(const error& e);
  void header(std::string_view name, std::string value) { headers.emplace_back(name, std::move(value)); }
};

int status_of(const error& e);
std::string_view reason_phrase(int status);

// `Sat, 21 Nov 2026 10:45:49 GMT` for the Date header.
std::string http_date(int64_t unix_seconds);

struct head_options {
  int minor_version = 1;
  bool keep_alive = true;
  bool client_asked_close = false;
  bool gzip = false;             // the body is gzip
  bool chunked = false;          // length unknown
  uint64_t length = 0;           // of the body as sent
  std::string_view date;
  std::string_view extra;        // further header lines, each with CRLF (http_config.response_headers)
};
// Appends status line and headers, in the order in which Go writes them, with the empty line.
void append_head(std::string& out, const response& r, const head_options& o);

} // namespace actord::http
