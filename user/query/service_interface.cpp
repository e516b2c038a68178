#include "query/service_interface.h"

#include <nlohmann/json.hpp>

namespace sockdog {
namespace {

constexpr std::string_view kServiceDescription = R"(# What every Varlink service tells about itself.
interface org.varlink.service

# Who answers, and which interfaces it has.
method GetInfo() -> (
  vendor: string,
  product: string,
  version: string,
  url: string,
  interfaces: []string
)

# The text of one interface.
method GetInterfaceDescription(interface: string) -> (description: string)

error InterfaceNotFound (interface: string)
error MethodNotFound (method: string)
# Declared, but not answered by this version.
error MethodNotImplemented (method: string)
error InvalidParameter (parameter: string)
error PermissionDenied ()
# The method answers only calls with "more".
error ExpectedMore ()
)";

void describe(Call& call) {
    std::optional<std::string> interface;
    if (!call.take("interface", interface)) return;
    if (!interface) {
        call.fail("InvalidParameter", {{"parameter", "interface"}});
    } else if (*interface == kInterface) {
        call.reply({{"description", interface_description()}});
    } else if (*interface == kServiceInterface) {
        call.reply({{"description", kServiceDescription}});
    } else {
        call.fail("InterfaceNotFound", {{"interface", *interface}});
    }
}

}  // namespace

void answer_service_call(const std::string& method, const std::string& version, Call call) {
    if (method == "GetInfo") {
        call.reply({{"vendor", "sockdog"},
                    {"product", "sockdogd"},
                    {"version", version},
                    {"url", ""},
                    {"interfaces", {kServiceInterface, kInterface}}});
    } else if (method == "GetInterfaceDescription") {
        describe(call);
    } else {
        call.fail("MethodNotFound", {{"method", std::string(kServiceInterface) + "." + method}});
    }
}

bool interface_has_method(const std::string& name) {
    return interface_description().find("\nmethod " + name + "(") != std::string_view::npos;
}

}  // namespace sockdog
