// Any bytes as the arguments of each endpoint that reads, and as a server's reply to it: never a crash, and bounded memory. The first byte
// chooses the endpoint.
#include "api/dispatch/forward.hpp"
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
  size_t number = 0;
  endpoints::reads::each([&]<const auto& E>() {
    using endpoint = std::remove_cvref_t<decltype(E)>;
    if (number++ != bytes[0] % endpoints::reads::size) return;
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
  return 0;
}
