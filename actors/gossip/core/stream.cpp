#include "actors/gossip/core/stream.hpp"
#include <algorithm>

namespace actord::gossip {

namespace {

using answer = result<std::optional<stream_message>>;

constexpr size_t seal_header = 5;
// Declared lengths beyond this are lies whatever the limit is; keeps sums of sizes from overflowing.
constexpr int64_t absurd = int64_t{1} << 40;

error corrupt(std::string what) { return error(errc::corrupt, "gossip: " + std::move(what)); }
error larger_than(size_t limit) {
  return error(errc::too_large, "Remote node state is larger than limit (" + std::to_string(limit) + ")");
}

std::string encode_plain(const stream_message& m) {
  return std::visit([](const auto& x) {
    using type = std::decay_t<decltype(x)>;
    if constexpr (std::is_same_v<type, push_pull>) {
      std::string out(1, static_cast<char>(wire_tag::push_pull));
      encode_header(out, push_pull_header{x.join, static_cast<int64_t>(x.nodes.size()), static_cast<int64_t>(x.user_state.size())});
      for (const auto& n : x.nodes) encode_report(out, n);
      return out += x.user_state;
    } else if constexpr (std::is_same_v<type, user>) {
      std::string out(1, static_cast<char>(wire_tag::user));
      encode_header(out, user_header{static_cast<int64_t>(x.body.size())});
      return out += x.body;
    } else {
      return encode(message(x));
    }
  }, m);
}

// The five bytes before a sealed message, to which it is bound.
std::string seal_prefix(size_t sealed) {
  std::string out(1, static_cast<char>(wire_tag::encrypt));
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(sealed >> shift));
  return out;
}

} // namespace

result<std::string> encode_stream(const stream_message& m, const stream_options& o, const sealing* seal) {
  auto out = encode_plain(m);
  if (out.size() > stream_limit) return larger_than(stream_limit);
  if (o.compress) out = encode_compressed(out, o.opening_clear);
  if (seal != nullptr && seal->seals()) {
    const auto prefix = seal_prefix(out.size() + sealing::overhead);
    out = prefix + seal->seal(out, prefix);
  }
  if (out.size() > stream_limit) return larger_than(stream_limit);
  return out;
}

// ---- a message as it is ---------------------------------------------------------------------------------------

result<bool> stream_reader::body::next(std::string_view all, std::string_view& value) {
  const auto rest = all.substr(at_);
  switch (extent_.scan(rest)) {
  case value_extent::verdict::malformed: return corrupt("a stream that is no msgpack");
  case value_extent::verdict::too_large: return larger_than(limit_);
  case value_extent::verdict::unfinished: needs_ = extent_.end() - rest.size(); return false;
  case value_extent::verdict::whole: break;
  }
  value = rest.substr(0, extent_.end());
  at_ += value.size();
  extent_ = value_extent(limit_ - std::min(limit_, at_));
  return true;
}

status stream_reader::body::take_header(std::string_view value) {
  if (tag_ == wire_tag::push_pull) {
    const auto h = decode_push_pull_header(value);
    if (!h) return h.err();
    if (h->nodes < 0 || h->user_state_size < 0 || h->user_state_size > absurd) return corrupt("a push/pull of negative size");
    if (h->nodes > static_cast<int64_t>(report_limit)) return corrupt("a push/pull with too many nodes");
    nodes_ = static_cast<size_t>(h->nodes);
    tail_ = static_cast<size_t>(h->user_state_size);
    out_ = push_pull{h->join, {}, {}};
  } else if (tag_ == wire_tag::user) {
    const auto h = decode_user_header(value);
    if (!h) return h.err();
    if (h->size < 0 || h->size > absurd) return corrupt("a user message of negative size");
    tail_ = static_cast<size_t>(h->size);
    out_ = user{};
  } else {
    auto m = decode(std::string(1, static_cast<char>(tag_)).append(value));
    if (!m) return m.err();
    if (auto* p = std::get_if<ping>(&*m)) out_ = std::move(*p);
    else if (auto* a = std::get_if<ack>(&*m)) out_ = std::move(*a);
    else if (auto* f = std::get_if<failure>(&*m)) out_ = std::move(*f);
  }
  if (at_ + nodes_ + tail_ > limit_) return larger_than(limit_);
  return {};
}

// One step; false when bytes are missing.
result<bool> stream_reader::body::take(std::string_view all) {
  std::string_view value;
  switch (step_) {
  case step::tag:
    needs_ = 1;
    if (all.empty()) return false;
    tag_ = static_cast<wire_tag>(all.front());
    if (tag_ != wire_tag::ping && tag_ != wire_tag::ack && tag_ != wire_tag::user && tag_ != wire_tag::failure && tag_ != wire_tag::push_pull)
      return error(errc::unsupported, "gossip: a stream of type " + std::to_string(static_cast<unsigned char>(all.front())));
    at_ = 1;
    step_ = step::header;
    return true;
  case step::header: {
    const auto whole = next(all, value);
    if (!whole || !*whole) return whole;
    if (auto s = take_header(value); !s) return s.err();
    step_ = step::nodes;
    return true;
  }
  case step::nodes: {
    if (nodes_ == 0) {
      step_ = step::user_state;
      return true;
    }
    const auto whole = next(all, value);
    if (!whole || !*whole) return whole;
    auto n = decode_report(value);
    if (!n) return n.err();
    std::get<push_pull>(out_).nodes.push_back(std::move(*n));
    --nodes_;
    return true;
  }
  case step::user_state: break;
  }
  const auto here = all.size() - at_;
  needs_ = tail_ > here ? tail_ - here : 0;
  return needs_ == 0;
}

answer stream_reader::body::read(std::string_view all) {
  for (;;) {
    const bool last = step_ == step::user_state;
    const auto more = take(all);
    if (!more) return more.err();
    if (!*more) return std::optional<stream_message>{};
    if (!last) continue;
    const auto tail = all.substr(at_, tail_);
    if (auto* p = std::get_if<push_pull>(&out_)) p->user_state = tail;
    else if (auto* u = std::get_if<user>(&out_)) u->body = tail;
    return std::optional<stream_message>(std::move(out_));
  }
}

// ---- what is around it ----------------------------------------------------------------------------------------

answer stream_reader::whole(std::string_view in) {
  body b(limit_);
  auto m = b.read(in);
  if (m && !*m) return corrupt("a stream message that is cut off");
  return m;
}

answer stream_reader::expand(std::string_view in) {
  auto plain = decode_compressed(in, limit_);
  if (!plain) {
    answer_ = true;
    return plain.err();
  }
  held_ = {}; // `in` may be a view into it, and is not used any more
  return whole(*plain);
}

answer stream_reader::unseal() {
  if (held_.size() < seal_header) {
    needs_ = seal_header - held_.size();
    return std::optional<stream_message>{};
  }
  size_t length = 0;
  for (size_t i = 1; i < seal_header; ++i) length = length << 8 | static_cast<unsigned char>(held_[i]);
  answer_ = true;
  if (length > limit_) return larger_than(limit_);
  if (held_.size() < seal_header + length) {
    needs_ = seal_header + length - held_.size();
    return std::optional<stream_message>{};
  }
  const std::string_view all = held_;
  auto plain = seal_->open(all.substr(seal_header, length), all.substr(0, seal_header));
  if (!plain) return plain.err();
  if (plain->empty()) return corrupt("an empty sealed stream");
  held_ = std::move(*plain);
  if (static_cast<wire_tag>(held_.front()) == wire_tag::compress) return expand(held_);
  answer_ = false;
  return whole(held_);
}

answer stream_reader::outside() {
  const auto tag = static_cast<wire_tag>(held_.front());
  const bool sealed = seal_ != nullptr && seal_->enabled();
  if (tag == wire_tag::encrypt) {
    if (sealed) return unseal();
    answer_ = true;
    return error(errc::permission, "Remote state is encrypted and encryption is not configured");
  }
  if (sealed && seal_->refuses_plain()) {
    answer_ = true;
    return error(errc::permission, "Encryption is configured but remote state is not encrypted");
  }
  if (tag == wire_tag::compress) {
    if (!extent_) extent_.emplace(limit_);
    const auto rest = std::string_view(held_).substr(1);
    switch (extent_->scan(rest)) {
    case value_extent::verdict::malformed: answer_ = true; return corrupt("a compressed stream that is no msgpack");
    case value_extent::verdict::too_large: answer_ = true; return larger_than(limit_);
    case value_extent::verdict::unfinished: needs_ = extent_->end() - rest.size(); return std::optional<stream_message>{};
    case value_extent::verdict::whole: return expand(std::string_view(held_).substr(0, 1 + extent_->end()));
    }
  }
  if (!body_) body_.emplace(limit_);
  auto m = body_->read(held_);
  needs_ = body_->needs();
  return m;
}

answer stream_reader::feed(std::string_view in) {
  if (done_) return std::optional<stream_message>{};
  held_.append(in);
  if (held_.empty()) return std::optional<stream_message>{};
  auto m = outside();
  if (!m || *m) {
    done_ = true;
    held_ = {};
    body_.reset();
  }
  if (m) answer_ = false;
  return m;
}

} // namespace actord::gossip
