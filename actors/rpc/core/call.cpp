#include "actors/rpc/core/call.hpp"
#include "runtime/base/msgpack.hpp"
#include <utility>

namespace actord::rpc {

namespace {

// Fields of a header, by name or in the order of declaration.
template <class Take> bool read_header(std::string_view value, std::initializer_list<std::string_view> order, Take&& take) {
  msgpack_reader r(value);
  if (r.peek() == msgpack_reader::kind::array) {
    auto name = order.begin();
    for (auto n = r.array(); n > 0 && r.ok(); --n) {
      if (name == order.end() || !take(*name, r)) r.skip();
      if (name != order.end()) ++name;
    }
    return r.ok();
  }
  if (r.peek() != msgpack_reader::kind::map) return false;
  for (auto n = r.map(); n > 0 && r.ok(); --n) {
    auto name = r.raw();
    if (!take(name, r)) r.skip();
  }
  return r.ok();
}

error no_header(const char* of) { return {errc::corrupt, std::string("msgpack decode error: not the header of ") + of}; }

} // namespace

std::string encode_request(const request_header& h, std::string_view body) {
  std::string out;
  out.reserve(body.size() + h.method.size() + 40);
  msgpack_writer w(out);
  w.map(2);
  w.raw("Seq");
  w.number(h.seq);
  w.raw("ServiceMethod");
  w.raw(h.method);
  return out += body;
}

std::string encode(const answer_header& h, size_t room) {
  std::string out;
  out.reserve(h.failure.size() + h.method.size() + 48 + room);
  msgpack_writer w(out);
  w.map(3);
  w.raw("Error");
  w.raw(h.failure);
  w.raw("Seq");
  w.number(h.seq);
  w.raw("ServiceMethod");
  w.raw(h.method);
  return out;
}

std::string encode_answer(const answer_header& h, std::string_view body) {
  auto out = encode(h, h.failure.empty() ? body.size() : empty_body.size());
  return out += h.failure.empty() ? body : empty_body;
}

result<request_header> decode_request_header(std::string_view value) {
  request_header h;
  const bool whole = read_header(value, {"ServiceMethod", "Seq"}, [&](std::string_view name, msgpack_reader& r) {
    if (name == "Seq") h.seq = r.uint();
    else if (name == "ServiceMethod") h.method = r.raw();
    else return false;
    return true;
  });
  if (!whole) return no_header("a request");
  return h;
}

result<answer_header> decode_answer_header(std::string_view value) {
  answer_header h;
  const bool whole = read_header(value, {"ServiceMethod", "Seq", "Error"}, [&](std::string_view name, msgpack_reader& r) {
    if (name == "Seq") h.seq = r.uint();
    else if (name == "ServiceMethod") h.method = r.raw();
    else if (name == "Error") h.failure = r.raw();
    else return false;
    return true;
  });
  if (!whole) return no_header("an answer");
  return h;
}

status pair_reader::feed(std::string_view in, const std::function<bool(std::string_view, std::string_view)>& take) {
  if (held_.empty()) { // what came whole is handed over from where it lies
    size_t start = 0;
    auto s = cut(in, start, take);
    held_ = in.substr(start);
    return s;
  }
  // Moved to the front only when as much has been handed over: a pair taken does not cost the bytes of all behind it.
  if (!in.empty() && start_ > held_.size() / 2) held_.erase(0, std::exchange(start_, 0));
  held_ += in;
  auto s = cut(held_, start_, take);
  if (start_ == held_.size()) held_ = {}, start_ = 0; // an idle stream holds nothing
  return s;
}

// `start`: of the pair at hand; goes on behind each that is handed over.
status pair_reader::cut(std::string_view bytes, size_t& start, const std::function<bool(std::string_view, std::string_view)>& take) {
  bool go_on = true;
  while (go_on && start < bytes.size()) {
    const auto rest = bytes.substr(start);
    const auto verdict = extent_.scan(in_body_ ? rest.substr(header_end_) : rest);
    if (verdict == value_extent::verdict::unfinished) break;
    if (verdict == value_extent::verdict::malformed) return error(errc::corrupt, "msgpack decode error: not msgpack");
    if (verdict == value_extent::verdict::too_large)
      return error(errc::too_large, std::string(in_body_ ? "a body" : "a header") + " of more than " + std::to_string(in_body_ ? body_limit_ : header_limit) + " bytes, or of too many values");
    if (!in_body_) {
      header_end_ = extent_.end();
      in_body_ = true;
      extent_ = value_extent(body_limit_, most_values_);
      continue;
    }
    const auto size = extent_.end();
    go_on = take(rest.substr(0, header_end_), rest.substr(header_end_, size));
    start += header_end_ + size;
    in_body_ = false;
    extent_ = value_extent(header_limit, header_values);
  }
  return {};
}

} // namespace actord::rpc
