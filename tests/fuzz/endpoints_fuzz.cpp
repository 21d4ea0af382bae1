// Any bytes as the arguments of each endpoint, and as a server's reply to it: never a crash, and bounded memory. The first byte
// chooses the endpoint.
#include "api/dispatch/forward.hpp"
#include "api/endpoints/carry_out.hpp"
#include "api/endpoints/table.hpp"

using namespace actord;

namespace {
template <class Row> struct counted final : endpoints::rows<Row> {
  size_t count = 0;
  bool add(const Row&) override { return ++count < 100000; }
};
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const size_t chosen = bytes[0] % (endpoints::reads::size + endpoints::changes::size);
  size_t number = 0;
  endpoints::reads::each([&]<const auto& E>() {
    using endpoint = std::remove_cvref_t<decltype(E)>;
    if (number++ != chosen) return;
    typename endpoint::arguments arguments;
    if (from_msgpack(body, arguments)) (void)to_msgpack(arguments);
    rpc::reply_meta meta;
    if constexpr (endpoint::kind::is_rows) {
      counted<typename endpoint::kind::row> to;
      (void)dispatch::take_reply(E, body, static_cast<endpoints::rows<typename endpoint::kind::row>&>(to), meta);
    } else {
      typename endpoint::answer to;
      (void)dispatch::take_reply(E, body, to, meta);
    }
  });
  endpoints::changes::each([&]<const auto& E>() {
    using endpoint = std::remove_cvref_t<decltype(E)>;
    if (number++ != chosen) return;
    typename endpoint::arguments arguments;
    typename endpoint::answer answer{};
    endpoints::draft draft{endpoints::everything_allowed(), "dc1", nanos(0), [] { return result<std::string>("id"); }};
    if (from_msgpack(body, arguments)) (void)endpoints::command_of(E, arguments, draft, answer);
    (void)from_msgpack(body, answer);
  });
  return 0;
}
