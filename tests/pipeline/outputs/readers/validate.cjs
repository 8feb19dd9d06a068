// Run by node beside the package gltf-validator: node validate.cjs FILE  ->  JSON of its report.
const validator = require('gltf-validator');
const { readFileSync } = require('fs');
validator
  .validateBytes(new Uint8Array(readFileSync(process.argv[2])))
  .then((report) => console.log(JSON.stringify(report)));
