-- A dissector of VNET's protocol for Wireshark and tshark: the text phase line by line, the switch, and the records of
-- the binary phase, whose frames are handed on to Ethernet (spec/PROTOCOL.md, sections 2 and 6).
--
--   tshark -X lua_script:docs/wireshark/vnet.lua -r FILE
--   Wireshark: copy it to the personal Lua plugins folder (Help, About, Folders)
--
-- It takes TCP port 7411, and others by "Decode As". A connection is seen as a whole or not at all: what was captured
-- from the middle of a binary phase is taken for text.

local vnet = Proto("vnet", "VNET")

local TYPES = { [0] = "FRAME", [1] = "OFFLOAD", [2] = "PING", [3] = "PONG", [4] = "BYE" }
local GSO = { [0] = "none", [1] = "TCP over IPv4", [4] = "TCP over IPv6", [5] = "UDP datagrams" }

local f = vnet.fields
f.line = ProtoField.string("vnet.line", "Line")
f.verb = ProtoField.string("vnet.verb", "First word")
f.switch = ProtoField.bool("vnet.switch", "The binary phase begins behind this line")
f.type = ProtoField.uint8("vnet.type", "Record type", base.HEX, TYPES)
f.length = ProtoField.uint24("vnet.length", "Payload length")
f.token = ProtoField.bytes("vnet.token", "Token")
f.reason = ProtoField.string("vnet.reason", "Reason")
f.wire = ProtoField.uint8("vnet.wire", "Wire of its Handler")
f.handler = ProtoField.string("vnet.handler", "Handler")
f.flags = ProtoField.uint8("vnet.virtio.flags", "Flags", base.HEX)
f.gso_type = ProtoField.uint8("vnet.virtio.gso_type", "Super-frame", base.HEX, GSO, 0x7f)
f.hdr_len = ProtoField.uint16("vnet.virtio.hdr_len", "Header length")
f.gso_size = ProtoField.uint16("vnet.virtio.gso_size", "Data in each segment")
f.csum_start = ProtoField.uint16("vnet.virtio.csum_start", "Checksum from")
f.csum_offset = ProtoField.uint16("vnet.virtio.csum_offset", "Checksum at")

local bad = ProtoExpert.new("vnet.malformed", "No record of VNET", expert.group.MALFORMED, expert.severity.ERROR)
vnet.experts = { bad }

local stream_field = Field.new("tcp.stream")
local ethernet = Dissector.get("eth_withoutfcs")

-- By TCP stream: the frame in which it became binary, and the Handler and wire that it is.
local switched = {}
function vnet.init() switched = {} end

local MOST = 131072
local LONGEST_LINE = 8192
local VIRTIO_BYTES = 12

local function say(pinfo, text)
  if tostring(pinfo.cols.protocol) ~= "VNET" then
    pinfo.cols.protocol = "VNET"
    pinfo.cols.info = text
  else
    pinfo.cols.info:append("; " .. text)
  end
end

-- `OK handler=… offload=…` answers BEGIN, `OK handler=… wire=…` answers JOIN.
local function switches(line)
  local handler = line:match("^OK handler=(%x+) ")
  if handler == nil then return nil end
  local wire = line:match(" wire=(%d+)$")
  if wire == nil and line:match(" offload=") == nil then return nil end
  return { handler = handler, wire = tonumber(wire or "0") }
end

local function text(buffer, offset, pinfo, tree, stream)
  local rest = buffer(offset):string()
  local stop = rest:find("\n", 1, true)
  if stop == nil then
    if #rest >= LONGEST_LINE then return nil end
    return nil, DESEGMENT_ONE_MORE_SEGMENT
  end
  local line = rest:sub(1, stop - 1):gsub("\r$", "")
  local range = buffer(offset, stop)
  local shown = line
  -- A secret stays out of the columns; the bytes are in the capture anyhow.
  if line:match("^%s*[Hh][Ee][Ll][Ll][Oo]%s+password") then shown = "HELLO password …" end
  local item = tree:add(f.line, range, shown)
  item:add(f.verb, range, line:match("^%S+") or "")
  say(pinfo, shown:sub(1, 60))
  local becomes = switches(line)
  if becomes ~= nil then
    item:add(f.switch, range, true):set_generated()
    if switched[stream] == nil then
      becomes.number = pinfo.number
      switched[stream] = becomes
    end
  end
  return stop, nil, becomes ~= nil
end

local function record(buffer, offset, pinfo, tree, root, wire)
  local left = buffer:len() - offset
  if left < 4 then return nil, DESEGMENT_ONE_MORE_SEGMENT end
  local kind = buffer(offset, 1):uint()
  local length = buffer(offset + 1, 3):uint()
  if length > MOST or (kind > 4 and kind < 0x80) then
    tree:add_proto_expert_info(bad)
    return nil
  end
  if left < 4 + length then return nil, 4 + length - left end
  local name = TYPES[kind] or string.format("type 0x%02x", kind)
  local item = tree:add(vnet, buffer(offset, 4 + length), name)
  item:add(f.type, buffer(offset, 1))
  item:add(f.length, buffer(offset + 1, 3))
  item:add(f.handler, wire.handler):set_generated()
  item:add(f.wire, wire.wire):set_generated()
  local at = offset + 4
  if kind == 2 or kind == 3 then
    item:add(f.token, buffer(at, length))
    say(pinfo, name)
  elseif kind == 4 then
    item:add(f.reason, buffer(at, length))
    say(pinfo, "BYE " .. buffer(at, length):string())
  elseif kind == 0 or kind == 1 then
    local header = 0
    if kind == 1 then
      header = VIRTIO_BYTES
      item:add(f.flags, buffer(at, 1))
      item:add(f.gso_type, buffer(at + 1, 1))
      item:add_le(f.hdr_len, buffer(at + 2, 2))
      item:add_le(f.gso_size, buffer(at + 4, 2))
      item:add_le(f.csum_start, buffer(at + 6, 2))
      item:add_le(f.csum_offset, buffer(at + 8, 2))
    end
    say(pinfo, string.format("%s %d bytes", name, length - header))
    -- What is inside writes columns and addresses as if it were the packet: they are ours.
    local protocol, info = tostring(pinfo.cols.protocol), tostring(pinfo.cols.info)
    local src, dst = pinfo.src, pinfo.dst
    ethernet:call(buffer(at + header, length - header):tvb(), pinfo, root)
    pinfo.cols.protocol = protocol
    pinfo.cols.info = info
    pinfo.src, pinfo.dst = src, dst
  else
    say(pinfo, name)
  end
  return 4 + length
end

function vnet.dissector(buffer, pinfo, root)
  local stream = stream_field().value
  local tree = root:add(vnet, buffer())
  local offset = 0
  local state = switched[stream]
  local binary = state ~= nil and pinfo.number > state.number
  while offset < buffer:len() do
    local taken, more, becomes
    if binary then
      taken, more = record(buffer, offset, pinfo, tree, root, switched[stream])
    else
      taken, more, becomes = text(buffer, offset, pinfo, tree, stream)
    end
    if more ~= nil then
      pinfo.desegment_offset = offset
      pinfo.desegment_len = more
      return
    end
    if taken == nil then return offset end
    if becomes then binary = true end
    offset = offset + taken
  end
  return offset
end

DissectorTable.get("tcp.port"):add(7411, vnet)
