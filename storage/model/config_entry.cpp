#include "storage/model/config_entry.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include <array>

namespace actord {

namespace {

template <class T> constexpr std::string_view kind_of = "";
template <> constexpr std::string_view kind_of<service_defaults> = "service-defaults";
template <> constexpr std::string_view kind_of<proxy_defaults> = "proxy-defaults";
template <> constexpr std::string_view kind_of<service_router> = "service-router";
template <> constexpr std::string_view kind_of<service_splitter> = "service-splitter";
template <> constexpr std::string_view kind_of<service_resolver> = "service-resolver";
template <> constexpr std::string_view kind_of<ingress_gateway> = "ingress-gateway";
template <> constexpr std::string_view kind_of<terminating_gateway> = "terminating-gateway";

template <size_t I = 0> bool choose(std::string_view kind, config_entry& out) {
  if constexpr (I == std::variant_size_v<config_entry>) {
    return false;
  } else {
    using entry = std::variant_alternative_t<I, config_entry>;
    if (kind != kind_of<entry>) return choose<I + 1>(kind, out);
    out.emplace<entry>();
    return true;
  }
}

// Consul's encoder of proxy-defaults puts the entry into a byte string of its own.
template <class T> constexpr bool is_wrapped = std::is_same_v<T, proxy_defaults>;

void decode_entry(msgpack_reader& r, config_entry& entry) {
  std::visit([&](auto& e) {
    if (r.peek() == msgpack_reader::kind::raw) {
      if (!from_msgpack(r.raw(), e)) r.fail();
    } else {
      msgpack_decode(r, e);
    }
  }, entry);
}

} // namespace

std::string encode_config_entry(const config_entry_request& r) {
  std::string out;
  msgpack_writer w(out);
  std::visit([&]<class T>(const T& e) {
    w.raw(kind_of<T>);
    w.map(4);
    w.raw("Datacenter");
    w.raw(r.datacenter);
    w.raw("Entry");
    if constexpr (is_wrapped<T>) w.raw(to_msgpack(e));
    else msgpack_encode(out, e);
  }, r.entry);
  w.raw("Op");
  w.raw(r.op);
  w.raw("Token");
  w.raw(r.token);
  return out;
}

result<config_entry_request> decode_config_entry(std::string_view body) {
  config_entry_request out;
  msgpack_reader r(body);
  auto kind = r.raw();
  if (!choose(kind, out.entry)) return error{errc::bad_request, "invalid config entry kind: " + std::string(kind)};
  for (auto n = r.map(); n > 0 && r.ok(); --n) {
    auto name = r.raw();
    if (name == "Datacenter") out.datacenter = r.raw();
    else if (name == "Op") out.op = r.raw();
    else if (name == "Token") out.token = r.raw();
    else if (name == "Entry") decode_entry(r, out.entry);
    else r.skip();
  }
  if (!r.ok()) return error{errc::corrupt, "malformed config entry"};
  return out;
}

} // namespace actord
