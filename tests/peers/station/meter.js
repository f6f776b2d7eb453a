// The car's meter on Modbus TCP, with the input registers of an Eastron SDM230 ("SDM230Modbus
// Smart Meter Modbus Protocol Implementation", 1.2): IEEE 754 singles, high word first.
'use strict';

const { ServerTCP } = require('modbus-serial');

const SERIAL_NUMBER = 0xfc00;
const LAST_INPUT = 0x0158;
const ILLEGAL_ADDRESS = { modbusErrorCode: 2, msg: 'illegal data address' };

function registers(car) {
  return new Map([
    [0x0000, car.voltageV()],
    [0x0006, car.currentA()],
    [0x000c, car.powerW()],
    [0x0046, 50 + 0.02 * Math.sin(Date.now() / 7000)],
    [0x0048, car.energyWh() / 1000],
    [0x0156, car.energyWh() / 1000],
  ]);
}

function serveMeter(car, port, ready) {
  const vector = {
    getMultipleInputRegisters(address, length, _unit, callback) {
      if (address % 2 || length % 2 || address + length > LAST_INPUT) {
        callback(ILLEGAL_ADDRESS);
        return;
      }
      const values = registers(car);
      const bytes = Buffer.alloc(2 * length);
      for (let at = 0; at < length; at += 2) {
        bytes.writeFloatBE(values.get(address + at) ?? 0, 2 * at);
      }
      callback(null, Array.from({ length }, (_, n) => bytes.readUInt16BE(2 * n)));
    },
    getMultipleHoldingRegisters(address, length, _unit, callback) {
      const known = address === SERIAL_NUMBER && length === 2;
      if (known) callback(null, [0, 4711]);
      else callback(ILLEGAL_ADDRESS);
    },
  };
  const server = new ServerTCP(vector, { host: '127.0.0.1', port, unitID: 1 });
  server.on('initialized', ready);
  server.on('serverError', (error) => {
    console.error(`meter: ${error.message}`);
    process.exit(2);
  });
  return server;
}

module.exports = { serveMeter };
